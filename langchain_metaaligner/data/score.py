"""HH-RLHF dialogues into the scored CSV, by any reward models.

Source: ``prepare_dataset_with_rewards.py`` (section 6 of the research's behaviour): a dialogue is
cut at its last assistant mark, scores are rounded to one decimal, and each objective's scores are
normalised over chosen and rejected answers together.
"""

from __future__ import annotations

import json
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from langchain_metaaligner.data.hh_rlhf import COLUMNS, OBJECTIVES
from langchain_metaaligner.data.options import Progress
from langchain_metaaligner.data.records import Records, records_of
from langchain_metaaligner.errors import DataError, nearest
from langchain_metaaligner.tables.csv import write_csv
from langchain_metaaligner.tables.ledger import Failure, Ledger
from langchain_metaaligner.tables.problems import OnProblem, Problems
from langchain_metaaligner.tables.whole import whole_file
from langchain_metaaligner.templates import ASSISTANT_MARK, HUMAN_MARK

#: Scores (prompt, response) pairs.
RewardModel = Callable[[Sequence[tuple[str, str]]], Sequence[float]]
#: Counts the tokens of a dialogue, and how many its reward model takes at most.
TokenLimit = tuple[Callable[[str], int], int]
#: By objective, the scores of the chosen and of the rejected answer.
PairScores = Mapping[str, Sequence[float]]

#: By objective, the scores of all chosen and of all rejected answers.
Scores = Mapping[str, tuple["array[float]", "array[float]"]]

SHORTEST = 8


class DialoguePair(NamedTuple):
    """A dialogue so far, and two answers to it."""

    prompt: str
    chosen: str
    rejected: str


def split_dialogues(chosen: str, rejected: str) -> DialoguePair:
    r"""Cut two dialogues at their last assistant mark.

    The prompt is that of the chosen one, even where the histories differ, and ends in a space and
    the mark, as the script writes it.

    >>> split_dialogues("\n\nHuman: Hi\n\nAssistant: Yes? ", "\n\nHuman: Hi\n\nAssistant: No.")
    DialoguePair(prompt='\n\nHuman: Hi \n\nAssistant:', chosen='Yes?', rejected='No.')
    """
    *before, last = chosen.split(ASSISTANT_MARK)
    prompt = f"{ASSISTANT_MARK.join(before)} {ASSISTANT_MARK}"
    return DialoguePair(prompt, last.strip(), rejected.split(ASSISTANT_MARK)[-1].strip())


def read_dialogues(
    source: Records | Path | str,
    problems: Problems,
    limits: Sequence[TokenLimit] = (),
    research_compat: bool = False,
) -> Iterator[DialoguePair]:
    """Read ``chosen`` and ``rejected`` dialogues.

    Args:
        source: see `records_of`.
        problems: takes note of records without the two dialogues, and of pairs left out.
        limits: a pair is used if both dialogues have 8 tokens at least and no more than the limit,
            for each of these.
        research_compat: use also pairs without an answer, without a prompt, or with different
            histories, of which the script uses the chosen one for both.
    """
    for name, line, record in records_of(source).read(problems):
        chosen, rejected = record.get("chosen"), record.get("rejected")
        if not isinstance(chosen, str) or not isinstance(rejected, str):
            problems.found("missing field", name, line, "chosen or rejected")
            continue
        pair = split_dialogues(chosen, rejected)
        lengths = [(count(text), most) for count, most in limits for text in (chosen, rejected)]
        unfit = [n for n, most in lengths if not SHORTEST <= n <= most]
        if unfit:
            problems.found("unfit length", name, line, f"{unfit[0]} tokens")
        elif research_compat:
            yield pair
        elif not (pair.chosen and pair.rejected):
            side = "rejected" if pair.chosen else "chosen"
            problems.found("empty answer", name, line, side)
        elif not all(
            text.startswith(HUMAN_MARK) and ASSISTANT_MARK in text for text in (chosen, rejected)
        ):
            problems.found("no dialogue", name, line, repr(chosen[:60]))
        elif pair.prompt != split_dialogues(rejected, chosen).prompt:
            problems.found("other history", name, line, "chosen and rejected part earlier")
        else:
            yield pair


def normalised(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round scores to one decimal and give their z-scores, by the population's deviation.

    Scores that are all the same become zeros.

    >>> normalised(np.array([1.04, 3.0])).tolist()
    [-1.0, 1.0]
    """
    rounded = np.round(scores, 1)
    centred: NDArray[np.float64] = rounded - rounded.mean()
    return centred / (float(centred.std()) or 1.0)


def score_dialogues(
    source: Records | Path | str,
    output: Path,
    rewards: Mapping[str, RewardModel],
    *,
    limits: Sequence[TokenLimit] = (),
    ledger: Ledger | None = None,
    batch_size: int = 64,
    research_compat: bool = False,
    on_problem: OnProblem = "skip",
    progress: Progress = iter,
) -> Problems:
    """Score HH-RLHF dialogues and write the CSV that `build_hh_rlhf` reads.

    Mean and deviation of each objective go to ``all_reward_stat_NAME.npy`` beside it. The texts
    are on disk all the time; of each pair only its scores stay in memory.

    Args:
        source: the dialogues; see `read_dialogues`.
        output: the CSV file, such as ``train.csv``.
        rewards: a reward model for each of harmless, helpful and humor.
        limits: see `read_dialogues`.
        ledger: keeps the scores as they are made, so that a stopped run goes on.
        batch_size: dialogues scored in one call, each with its two answers.
        research_compat: write what ``prepare_dataset_with_rewards.py`` writes, byte for byte, and
            no statistics, on which it fails.
        on_problem: see `Problems`.
        progress: wraps the pairs as they are scored.

    Raises:
        DataError: if a reward model is missing or gives no number for some pair, or the file has
            no dialogue that can be used.
    """
    _require_rewards(rewards)
    records = records_of(source)
    problems = Problems(on_problem, log=output.with_name(f"{output.name}.problems.jsonl"))
    problems.open_log(records.sources)
    scores: Scores = {name: (array("d"), array("d")) for name in OBJECTIVES}
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile("w+", dir=output.parent, encoding="ascii") as texts:
        pairs = progress(read_dialogues(records, problems, limits, research_compat))
        for batch in _batches(pairs, batch_size):
            texts.writelines(json.dumps(pair) + "\n" for pair in batch)
            for pair in _known_or_scored(rewards, batch, ledger):
                for name, (chosen, rejected) in scores.items():
                    chosen.append(pair[name][0])
                    rejected.append(pair[name][1])
        problems.flush()
        if not scores[OBJECTIVES[0]][0]:
            raise _nothing_to_score(records, problems)
        texts.seek(0)
        _write_table(output, texts, scores, research_compat)
    return problems


def require_dialogues(source: Records | Path | str) -> None:
    """Look whether there is a dialogue to score, before any model is loaded.

    Raises:
        DataError: if there is none.
    """
    records, problems = records_of(source), Problems()
    if next(read_dialogues(records, problems), None) is None:
        raise _nothing_to_score(records, problems)


def _nothing_to_score(records: Records, problems: Problems) -> DataError:
    counted = ", ".join(f"{kind} ({times:,})" for kind, times in problems.counts.items())
    return DataError(
        f"{records.name} has no dialogue that can be used: {counted or 'it holds no record'}. Each "
        "record is an object with 'chosen' and 'rejected' dialogues of a length that the reward "
        "models take. Give such a file, a folder of them, or Anthropic/hh-rlhf."
    )


def _require_rewards(rewards: Mapping[str, RewardModel]) -> None:
    if set(rewards) != set(OBJECTIVES):
        unknown = [name for name in rewards if name not in OBJECTIVES]
        raise DataError(
            f"Reward models were given for {', '.join(rewards) or 'nothing'}."
            f"{nearest(unknown[0], OBJECTIVES) if unknown else ''} "
            f"Give one for each of: {', '.join(OBJECTIVES)}."
        )


def _write_table(output: Path, texts: Iterable[str], scores: Scores, research_compat: bool) -> None:
    columns = _columns(scores, None if research_compat else output)
    rows = ([*json.loads(line), *row] for line, row in zip(texts, columns, strict=True))
    if research_compat:
        with whole_file(output) as unfinished:
            pd.DataFrame(rows, columns=COLUMNS).to_csv(unfinished, index=False, escapechar="\\")
    else:
        write_csv(output, COLUMNS, rows)


def _batches(pairs: Iterable[DialoguePair], size: int) -> Iterator[list[DialoguePair]]:
    rest = iter(pairs)
    while batch := list(islice(rest, size)):
        yield batch


def _columns(scores: Scores, output: Path | None) -> Iterator[tuple[float, ...]]:
    """The z-scores of each pair; their mean and deviation go to a file beside ``output``."""
    columns, statistics = [], []
    for chosen, rejected in scores.values():
        both = np.concatenate([chosen, rejected])
        rounded = np.round(both, 1)
        statistics.append((rounded.mean(), rounded.std()))
        columns += [half.tolist() for half in np.split(normalised(both), [len(chosen)])]
    if output is not None:
        np.save(output.with_name(f"all_reward_stat_{output.stem}.npy"), np.array(statistics))
    return zip(*columns, strict=True)


def _known_or_scored(
    rewards: Mapping[str, RewardModel], batch: Sequence[DialoguePair], ledger: Ledger | None
) -> Iterable[PairScores]:
    if ledger is None:
        return _pair_scores(rewards, batch)

    def make(missing: Sequence[DialoguePair]) -> Iterator[tuple[int, Mapping[str, Any]]]:
        made = enumerate(_pair_scores(rewards, missing))
        return ((place, {"scores": scores}) for place, scores in made)

    records = ledger.complete(batch, make, content=list, together=len(batch))
    return [record["scores"] for record in records if not isinstance(record, Failure)]


def _pair_scores(
    rewards: Mapping[str, RewardModel], batch: Sequence[DialoguePair]
) -> list[PairScores]:
    if not batch:
        return []
    asked = [(pair.prompt, pair.chosen) for pair in batch]
    asked += [(pair.prompt, pair.rejected) for pair in batch]
    scores = {name: _scored(reward, asked, name).tolist() for name, reward in rewards.items()}
    half = len(batch)
    return [{name: (s[at], s[half + at]) for name, s in scores.items()} for at in range(half)]


def _scored(
    reward: RewardModel, asked: Sequence[tuple[str, str]], name: str
) -> NDArray[np.float64]:
    scores = np.array([float(score) for score in reward(asked)])
    if scores.shape != (len(asked),) or not np.isfinite(scores).all():
        raise DataError(
            f"The reward model for {name} gave {np.isfinite(scores).sum()} numbers for "
            f"{len(asked)} pairs. It must give a finite number for each."
        )
    return scores
