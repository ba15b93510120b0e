"""``metaaligner data``: training data from preferences, ratings or plain answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from langchain_metaaligner.cli.command import CommandGroup, add
from langchain_metaaligner.cli.data_shared import (
    For,
    Output,
    Pairing,
    Seed,
    Split,
    Strict,
    UltraFeedbackRecords,
    counted,
    policy,
    show,
)
from langchain_metaaligner.cli.options import ResearchCompat
from langchain_metaaligner.errors import DataError

if TYPE_CHECKING:  # the extra that it needs is looked for when a command runs
    from langchain_metaaligner.data.baselines import Baseline

data = typer.Typer(
    name="data", cls=CommandGroup, help="Make training data for aligners.", no_args_is_help=True
)


def hh_rlhf(
    source: Annotated[
        Path,
        typer.Option(
            "--input",
            metavar="FILE",
            help="The scored CSV, or the folder of train.csv, test.csv.",
        ),
    ],
    output: Output,
    seed: Seed,
    pairing: Pairing,
    split: Split = "train",
    trains: For = "aligner",
    research_compat: ResearchCompat = False,
) -> None:
    """HH-RLHF: pairs from the scored CSV, which `data score` makes."""
    from langchain_metaaligner.data import build_hh_rlhf
    from langchain_metaaligner.data.baselines import build_baseline

    options = pairing.build_options(seed, split, research_compat)
    scored = _scored(source, split)
    if trains == "aligner":
        report = build_hh_rlhf(scored, output, options)
    else:
        report = build_baseline(cast("Baseline", trains), "HH-RLHF", scored, output, options)
    show(report, str(source), output)


def ultrafeedback(
    source: UltraFeedbackRecords,
    output: Output,
    seed: Seed,
    pairing: Pairing,
    test: Annotated[
        str | None,
        typer.Option(
            metavar="INPUT",
            help="Raw records of the test part; of a folder or a name --test-size.",
        ),
    ] = None,
    test_size: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="Records at the end that are the test part."),
    ] = 15_000,
    trains: For = "aligner",
    research_compat: ResearchCompat = False,
) -> None:
    """UltraFeedback: pairs from raw records."""
    from langchain_metaaligner.data import build_ultrafeedback
    from langchain_metaaligner.data.baselines import build_baseline
    from langchain_metaaligner.data.records import records_of

    options = pairing.build_options(seed, "train", research_compat)
    training = records_of(source)
    tested = None if test is None else records_of(test)
    if tested is None and test_size and not Path(source).is_file():
        training, tested = training.divided(test_size)
    if trains == "aligner":
        report = build_ultrafeedback(training, output, options, test=tested)
    else:
        report = build_baseline(
            cast("Baseline", trains), "UltraFeedback", training, output, options, test=tested
        )
    show(report, source, output)


def imhi(
    source: Annotated[
        Path,
        typer.Option("--input", metavar="FILE", help="Expert ratings, .jsonl or .csv."),
    ],
    output: Output,
    seed: Seed,
    pairing: Pairing,
    split: Split = "train",
    test: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A test file of the benchmark: query, gpt-3.5-turbo."),
    ] = None,
) -> None:
    """IMHI: pairs from expert ratings."""
    from langchain_metaaligner.data import build_imhi

    options = pairing.build_options(seed, split)
    show(build_imhi(source, output, options, test=test), str(source), output)


def released(
    source: Annotated[
        Path, typer.Option("--input", metavar="FILE", help="Conversations, .json or .jsonl.")
    ],
    output: Output,
    part: Annotated[
        str, typer.Option(metavar="NAME", help="Which part this is.")
    ] = "no_equal/train",
    strict: Strict = False,
) -> None:
    """Released conversations, such as HH-RLHF-MetaAligner-Data, taken over as they are."""
    from langchain_metaaligner.data import build_released

    report = build_released(source, output, part=part, on_problem=policy(strict), progress=counted)
    show(report, str(source), output)


def synthetic(
    texts: Annotated[
        Path, typer.Option("--texts", metavar="FOLDER", help="Folder of public data sets.")
    ],
    output: Output,
    seed: Seed,
    number: Annotated[int, typer.Option(metavar="N", min=1, help="Training pairs.")] = 100_000,
    validation: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="Validation pairs. By default 1,000, and at most a tenth of the training pairs.",
        ),
    ] = None,
) -> None:
    """Pairs made by degrading real answers, as for the bundled aligner."""
    from langchain_metaaligner.data.synthetic import build_synthetic

    aside = min(1_000, number // 10) if validation is None else validation
    report = build_synthetic(
        texts, output, seed=seed, number=number, validation=aside, progress=counted
    )
    show(report, str(texts), output)


def _scored(source: Path, split: str) -> Path:
    """The scored CSV: the file itself, or that of the split in a folder of both."""
    path = source / f"{split}.csv" if source.is_dir() else source
    if not path.is_file():
        name = source.as_posix()
        raw = name if name.count("/") == 1 and not source.suffix else "Anthropic/hh-rlhf"
        raise DataError(
            f"There is no file {path}. Give the scored CSV; where there is none, make it first: "
            f"metaaligner data score --input {raw} --split {split} --output {split}.csv"
        )
    return path


add(
    data,
    hh_rlhf,
    name="hh-rlhf",
    group="Pairs for aligners and baselines",
    examples=("metaaligner data hh-rlhf --input train.csv -o build/hh-rlhf --seed 42",),
)
add(
    data,
    ultrafeedback,
    group="Pairs for aligners and baselines",
    examples=(
        "metaaligner data ultrafeedback --input openbmb/UltraFeedback -o uf --seed 42",
        "metaaligner data ultrafeedback --input raw.jsonl -o sft --seed 42 --for sft",
    ),
)
add(
    data,
    imhi,
    group="Pairs for aligners and baselines",
    examples=("metaaligner data imhi --input ratings.jsonl -o build/imhi --seed 42",),
)
add(data, released, group="Pairs for aligners and baselines")
add(
    data,
    synthetic,
    group="Pairs for aligners and baselines",
    examples=("metaaligner data synthetic --texts texts -o pairs --seed 1 --number 3000",),
)
