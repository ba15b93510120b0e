"""Policy, SFT, CDPO, MORLHF and aligner side by side: ``run.py --texts DIR --output DIR``.

Each command is printed before it is run; what is finished is not repeated.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import stand_ins
from policy import train_policy
from records import write_records

from langchain_metaaligner.cli import app
from langchain_metaaligner.data import Problems, score_dialogues
from langchain_metaaligner.tables.csv import csv_rows

HERE = Path(__file__).parent
SYSTEMS = ("policy", "sft", "cdpo", "morlhf", "aligner")


class Study(NamedTuple):
    """One data set.

    Attributes:
        dataset: as the commands call it.
        template: of its prompts.
        objectives: its objectives, each with the name of its reward model's data.
        queries: the file of questions that is answered, below the study's folder.
    """

    dataset: str
    template: str
    objectives: dict[str, str]
    queries: str


STUDIES = {
    "hh-rlhf": Study(
        "hh-rlhf",
        "HH-RLHF",
        {"harmless": "harmless", "helpful": "helpfulness", "humor": "humour"},
        "scored/test.csv",
    ),
    "ultrafeedback": Study(
        "ultrafeedback",
        "UltraFeedback",
        {
            "instruction_following": "IF",
            "honest": "honesty",
            "truthful": "truthful",
            "helpful": "helpful",
        },
        "data/aligner/no_equal/test.csv",
    ),
}


def command(done: Path, *words: Any) -> None:
    """Run a command of the package, unless what it makes is there."""
    if done.exists():
        return
    told = [str(word) for word in words]
    print(f"$ metaaligner {' '.join(told)}", flush=True)
    app(told, standalone_mode=False)


def make_data(study: Study, texts: Path, folder: Path, rows: int, tested: int) -> None:
    """Records, scores, and the data of all methods."""
    records = folder / "records"
    if not (records / "train.jsonl").exists():
        write_records(texts, records, study.dataset, rows, tested)
    source: tuple[Any, ...] = ("--input", records / "train.jsonl", "--test", records / "test.jsonl")
    if study.dataset == "hh-rlhf":
        for split in ("train", "test"):
            scored = folder / "scored" / f"{split}.csv"
            if not scored.exists():
                score_dialogues(records / f"{split}.jsonl", scored, stand_ins.REWARDS)
        source = ("--input", folder / "scored" / "train.csv", "--split", "train")
    for method, made in (
        ("aligner", "no_equal/train.json"),
        ("sft", "train.json"),
        ("cdpo", "train.csv"),
        ("reward-model", f"{next(iter(study.objectives.values()))}_train.csv"),
    ):
        output = folder / "data" / method
        words = ("--for", method, *source, "--output", output, "--seed", 0)
        command(output / made, "data", study.dataset, *words)


def write_prompts(study: Study, folder: Path) -> Path:
    """The questions of the training records, for MORLHF."""
    path = folder / "prompts.csv"
    pairs = folder / "data/reward-model" / _pairs(study, 0, "train")
    queries = [row["queries"] for _, row in csv_rows(pairs, ("queries",), Problems("raise"))]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["query"], *([one] for one in dict.fromkeys(queries))])
    return path


def _pairs(study: Study, at: int, split: str) -> str:
    return f"{list(study.objectives.values())[at]}_{split}.csv"


def train_all(study: Study, folder: Path, steps: int | None) -> None:
    """The policy, the baselines and the aligner."""
    data, policy, first = folder / "data", folder / "policy", next(iter(study.objectives))
    if not (policy / "config.json").exists():
        print("Training the policy on the worse answers …", flush=True)
        train_policy(data / "reward-model" / _pairs(study, 0, "train"), policy, steps or 120)
    most = [] if steps is None else [f"max_steps={steps}"]
    of = f"template={study.template}"

    def train(name: str, *values: str) -> None:
        made = folder / name / "final" / (first if name == "rewards" else "config.json")
        recipe = HERE / f"{'reward-model' if name == 'rewards' else name}.yaml"
        command(made, "train", recipe, f"output={folder / name}", *values)

    absent = [name for name in STUDIES["hh-rlhf"].objectives if name not in study.objectives]
    train(
        "rewards",
        f"base={policy}",
        *(f"objectives.{name}=null" for name in absent),
        *(
            value
            for name, stem in study.objectives.items()
            for value in (
                f"objectives.{name}.train={data / 'reward-model' / f'{stem}_train.csv'}",
                f"objectives.{name}.max_steps={steps or 40}",
            )
        ),
    )
    train("sft", f"base={policy}", of, f"train={data / 'sft' / 'train.json'}", *most)
    train(
        "cdpo",
        f"base={folder / 'sft' / 'final'}", of, f"train={data / 'cdpo' / 'train.csv'}", *most,
    )  # fmt: skip
    made = folder / "rewards" / "final"
    rewards = [
        *(f"rewards.{name}=null" for name in absent),
        *(f"rewards.{name}={made / name}" for name in study.objectives),
    ]
    prompts = f"train={write_prompts(study, folder)}"
    train("morlhf", f"base={policy}", prompts, *rewards, *most)
    stages = []
    for stage, part in (("equal", "all_equal"), ("contrastive", "no_equal")):
        path = data / "aligner" / part / "train.json"
        if not json.loads(path.read_text()):
            stages.append(f"stages.{stage}=null")
            continue
        stages.append(f"stages.{stage}.train={path}")
        stages += [f"stages.{stage}.{value}" for value in most]
    train("aligner", f"base={policy}", of, *stages)


def answer_all(study: Study, folder: Path, tokens: int) -> None:
    """Every system answers the questions that were set aside."""
    for name in SYSTEMS[:-1]:
        model = folder / name if name == "policy" else folder / name / "final"
        made = folder / "answers" / f"{name}.csv"
        words = ("--dataset", study.dataset, "--input", folder / study.queries, "--output", made)
        command(made, "generate", *words, "--model", model, "--max-new-tokens", tokens)
    made = folder / "answers" / "aligner.csv"
    asked = [word for name in study.objectives for word in ("--objective", name)]
    model = ("--model", folder / "aligner" / "final", "--max-new-tokens", tokens)
    command(made, "align-file", folder / "answers/policy.csv", "--output", made, *model, *asked)


def compare(study: Study, folder: Path) -> None:
    """The table, the plots and the page."""
    systems = [f"{name}={folder / 'answers' / f'{name}.csv'}" for name in SYSTEMS]
    rewards = [
        word
        for name in study.objectives
        for word in ("--reward", f"{name}={folder / 'rewards' / 'final' / name}")
    ]
    models = [
        word for name in SYSTEMS[1:] for word in ("--model", f"{name}={folder / name / 'final'}")
    ]
    output = folder / "comparison"
    command(output / "result.json", "evaluate", "compare", *systems, *rewards, *models,
            "--output", output)  # fmt: skip
    page = folder / "report.html"
    words = ("--output", page, "--title", f"A miniature on {study.template}")
    command(page, "evaluate", "report", output, folder / "answers/aligner.csv", *words)


def main() -> None:
    """Run what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("build/comparison"))
    parser.add_argument("--dataset", nargs="+", choices=STUDIES, default=list(STUDIES))
    parser.add_argument("--rows", type=int, default=400, help="training records of a data set")
    parser.add_argument("--tested", type=int, default=60, help="questions of the comparison")
    parser.add_argument("--steps", type=int, default=None, help="of each training")
    parser.add_argument("--tokens", type=int, default=64, help="of an answer, at most")
    options = parser.parse_args()
    for name in options.dataset:
        study, folder, begun = STUDIES[name], options.output / name, time.monotonic()
        make_data(study, options.texts, folder, options.rows, options.tested)
        train_all(study, folder, options.steps)
        answer_all(study, folder, options.tokens)
        compare(study, folder)
        sys.stdout.write(f"{name}: {time.monotonic() - begun:,.0f} s, {folder / 'report.html'}\n")


if __name__ == "__main__":
    main()
