"""HH-RLHF dialogues into the scored CSV, by any reward models.

Source: ``prepare_dataset_with_rewards.py`` (section 6 of the research's behaviour): a dialogue is
cut at its last assistant mark, scores are rounded to one decimal, and each objective's scores are
normalised over chosen and rejected answers together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from langchain_metaaligner.data.hh_rlhf import COLUMNS, OBJECTIVES
from langchain_metaaligner.data.lines import json_lines
from langchain_metaaligner.data.problems import OnProblem, Problems
from langchain_metaaligner.errors import DataError
from langchain_metaaligner.templates import ASSISTANT_MARK

#: Scores (prompt, response) pairs.
RewardModel = Callable[[Sequence[tuple[str, str]]], Sequence[float]]
#: Counts the tokens of a dialogue, and how many its reward model takes at most.
TokenLimit = tuple[Callable[[str], int], int]

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
    path: Path, problems: Problems, limits: Sequence[TokenLimit] = ()
) -> Iterator[DialoguePair]:
    """Read ``chosen`` and ``rejected`` dialogues, one JSON object a line.

    Args:
        path: a ``.jsonl`` or ``.jsonl.gz`` file.
        problems: takes note of lines without the two dialogues.
        limits: a pair is used if both dialogues have 8 tokens at least and no more than the limit,
            for each of these.
    """
    for line, record in json_lines(path, problems):
        chosen, rejected = record.get("chosen"), record.get("rejected")
        if not isinstance(chosen, str) or not isinstance(rejected, str):
            problems.found("missing field", path.name, line, "chosen or rejected")
            continue
        lengths = [(count(text), most) for count, most in limits for text in (chosen, rejected)]
        if all(SHORTEST <= length <= most for length, most in lengths):
            yield split_dialogues(chosen, rejected)


def normalised(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round scores to one decimal and give their z-scores, by the population's deviation.

    Scores that are all the same become zeros.

    >>> normalised(np.array([1.04, 3.0])).tolist()
    [-1.0, 1.0]
    """
    centred: NDArray[np.float64] = np.round(scores, 1) - np.round(scores, 1).mean()
    deviation = float(centred.std())
    return np.divide(centred, deviation) if deviation else centred


def score_dialogues(
    path: Path,
    output: Path,
    rewards: Mapping[str, RewardModel],
    *,
    limits: Sequence[TokenLimit] = (),
    batch_size: int = 64,
    on_problem: OnProblem = "skip",
) -> Problems:
    """Score HH-RLHF dialogues and write the CSV that `build_hh_rlhf` reads.

    Args:
        path: the dialogues; see `read_dialogues`.
        output: the CSV file.
        rewards: a reward model for each of harmless, helpful and humor.
        limits: see `read_dialogues`.
        batch_size: pairs scored in one call.
        on_problem: see `Problems`.

    Raises:
        DataError: if a reward model is missing or gives no number for some pair, or the file has
            no dialogue that can be used.
    """
    if set(rewards) != set(OBJECTIVES):
        raise DataError(
            f"Reward models were given for {', '.join(rewards) or 'nothing'}. "
            f"Give one for each of: {', '.join(OBJECTIVES)}."
        )
    problems = Problems(on_problem)
    pairs = list(read_dialogues(path, problems, limits))
    if not pairs:
        raise DataError(f"{path} has no dialogue of a length that the reward models take.")
    columns: dict[str, Any] = dict(zip(COLUMNS[:3], zip(*pairs, strict=True), strict=True))
    for k, name in enumerate(OBJECTIVES, 1):
        asked = [(p.prompt, p.chosen) for p in pairs] + [(p.prompt, p.rejected) for p in pairs]
        scores = normalised(_scored(rewards[name], asked, name, batch_size))
        columns[f"chosen_score{k}"] = scores[: len(pairs)]
        columns[f"rejected_score{k}"] = scores[len(pairs) :]
    output.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_csv(output, index=False)
    problems.write(output.with_name("problems.jsonl"))
    return problems


def _scored(
    reward: RewardModel, asked: Sequence[tuple[str, str]], name: str, batch_size: int
) -> NDArray[np.float64]:
    scores: list[float] = []
    for start in range(0, len(asked), batch_size):
        scores += map(float, reward(asked[start : start + batch_size]))
    found = np.array(scores)
    if found.shape != (len(asked),) or not np.isfinite(found).all():
        raise DataError(
            f"The reward model for {name} gave {np.isfinite(found).sum()} numbers for "
            f"{len(asked)} pairs. It must give a finite number for each."
        )
    return found
