"""A data set of synthetic pairs on disk, in the layout of the research's data sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

from langchain_metaaligner.data.preferences import WeakToStrong
from langchain_metaaligner.data.report import BuildReport
from langchain_metaaligner.data.spool import Layout, Spool
from langchain_metaaligner.data.synthetic.pairs import SyntheticPair, synthetic_pairs
from langchain_metaaligner.data.synthetic.sentences import Corpus
from langchain_metaaligner.data.synthetic.texts import read_texts
from langchain_metaaligner.tables.problems import Problems


def build_synthetic(
    texts: Path,
    output: Path,
    *,
    seed: int,
    number: int = 100_000,
    validation: int = 1_000,
    words: tuple[int, int] = (6, 220),
    progress: Callable[[Iterable[SyntheticPair]], Iterable[SyntheticPair]] = iter,
) -> BuildReport:
    """Build ``no_equal/train.json``, ``no_equal/val.json`` and ``datasets`` from real answers.

    The validation pairs come from held-out answers and have phrases that no training pair has.

    Args:
        texts: a folder of public data sets; see `texts`.
        output: a folder, made if it is not there.
        seed: of all draws.
        number: training pairs.
        validation: validation pairs.
        words: the shortest and the longest sound answer, about.
        progress: wraps the pairs as they are made.

    Raises:
        SettingError: if the folder holds no texts.
    """
    train, held_out = read_texts(texts)
    report = BuildReport(Problems())
    with Spool() as spool:
        sources = (
            synthetic_pairs(Corpus(train), seed, "train", words),
            synthetic_pairs(Corpus(held_out or train), seed + 1, "held-out", words),
        )
        for source, count in zip(sources, (number, validation), strict=True):
            for pair in progress(islice(source, count)):
                report.aspects[len(pair.objectives)] += 1
                spool.add(_as_training_pair(pair))
        layout = Layout(spool, output)
        for name, places in (("train", spool.better[:number]), ("val", spool.better[number:])):
            report.sizes[f"no_equal/{name}.json"] = layout.part(f"no_equal/{name}", places)
        layout.finish()
    return report


def _as_training_pair(pair: SyntheticPair) -> WeakToStrong:
    return WeakToStrong(
        "better", pair.objectives, pair.question, pair.weak, pair.strong, pair.prompt
    )
