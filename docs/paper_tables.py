"""The paper's tables beside your own runs: ``python docs/paper_tables.py commands|fill RUNS``.

``commands`` prints, as a shell script, what fills each cell; ``fill`` prints the tables, each cell
as "paper / yours" where RUNS has a result for it. The paper's figures are in ``paper/*.csv``.
"""

import argparse
import csv
import json
from collections.abc import Iterator
from pathlib import Path

PAPER = Path(__file__).parent / "paper"
POLICIES = {
    "LLaMA2-Chat-7B": "meta-llama/Llama-2-7b-chat-hf",
    "LLaMA2-Chat-13B": "meta-llama/Llama-2-13b-chat-hf",
    "LLaMA2-Chat-70B": "meta-llama/Llama-2-70b-chat-hf",
    "Gemma-instruct-2B": "google/gemma-2b-it",
    "Gemma-instruct-7B": "google/gemma-7b-it",
    "MentaLLaMA-7B": "klyang/MentaLLaMA-chat-7B",
    "MentaLLaMA-13B": "klyang/MentaLLaMA-chat-13B",
    "MentaLLaMA-33B": "klyang/MentaLLaMA-33B-lora",
    "Vicuna-7B": "lmsys/vicuna-7b-v1.5",
    "Vicuna-13B": "lmsys/vicuna-13b-v1.5",
    "Vicuna-33B": "lmsys/vicuna-33b-v1.3",
    "GPT-3.5-Turbo": "openai:gpt-3.5-turbo-0125",
    "Claude-3-Sonnet": "anthropic:claude-3-sonnet-20240229",
}
CHECKPOINTS = {"hh-rlhf": "HH-RLHF", "ultrafeedback": "UltraFeedback", "imhi": "IMHI"}
QUERIES = {
    "hh-rlhf": "data/hh-rlhf/test.csv",
    "ultrafeedback": "data/ultrafeedback/no_equal/test.csv",
}
JUDGE = "openai:gpt-4-turbo-preview"
TOGETHER = (
    "All: the explanations should make correct predictions; the response should express clear "
    "logic and provide consistent evidence; the response should provide evidence with high quality "
    "and reliability"
)
BASELINES = {"SFT": "sft", "MODPO": "cdpo", "MORLHF": "morlhf"}


def rows(table: str) -> list[dict[str, str]]:
    with (PAPER / f"{table}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def distinct(table: str, *columns: str) -> list[tuple[str, ...]]:
    return list(dict.fromkeys(tuple(row[name] for name in columns) for row in rows(table)))


def objectives(dataset: str) -> list[str]:
    return [name for where, name in distinct("table2", "dataset", "objective") if where == dataset]


def commands() -> Iterator[str]:
    yield "#!/usr/bin/env bash\n# Fills RUNS; every command goes on where it was stopped.\nset -e"
    for policy, dataset in distinct("table2", "policy", "dataset"):
        if dataset in QUERIES:
            yield from _aligned(policy, dataset)
    for (policy,) in distinct("table7", "policy"):
        yield from _imhi(policy)
    for dataset in QUERIES:
        yield from _baselines(dataset)
    yield "\n# Figure 3: unseen objectives, one by one"
    for size in ("7B", "13B"):
        yield (
            "metaaligner evaluate unseen RUNS/ultrafeedback/LLaMA2-Chat-70B/answers.csv "
            f"--limit 2700 --model MetaAligner/MetaAligner-UltraFeedback-{size} "
            f"--judge {JUDGE} --one-order --output RUNS/unseen/MetaAligner-{size}"
        )


def _policy(policy: str) -> str:
    return f"{'--llm' if ':' in POLICIES[policy] else '--model'} {POLICIES[policy]}"


def _aligned(policy: str, dataset: str) -> Iterator[str]:
    folder = f"RUNS/{dataset}/{policy}"
    asked = " ".join(f"--objective {name}" for name in objectives(dataset))
    yield f"\n# Table 2: {policy} on {dataset}"
    yield (
        f"metaaligner generate --dataset {dataset} --input {QUERIES[dataset]} "
        f"--output {folder}/answers.csv --limit 1200 {_policy(policy)}"
    )
    for (aligner,) in distinct("table2", "aligner"):
        size = aligner.rpartition("-")[2]
        yield (
            f"metaaligner align-file {folder}/answers.csv --output {folder}/{aligner}.csv {asked} "
            f"--model MetaAligner/MetaAligner-{CHECKPOINTS[dataset]}-{size}"
        )
        yield (
            f"metaaligner evaluate judge {folder}/{aligner}.csv --output {folder}/{aligner} "
            f"{asked} --dataset {CHECKPOINTS[dataset]} --judge {JUDGE} --one-order"
        )


def _imhi(policy: str) -> Iterator[str]:
    base = " --base BASE" if policy == "MentaLLaMA-33B" else ""
    yield f"\n# Tables 2 and 7: {policy} on imhi"
    yield (
        "metaaligner generate --dataset imhi --input data/imhi/test_instruction "
        f"--output RUNS/imhi/{policy}/answers {_policy(policy)}{base}"
    )
    asked = " ".join(f"--objective {name}" for name in objectives("imhi"))
    for aligner, dataset in distinct("table7", "aligner", "dataset"):
        if dataset == "overall":
            continue
        made = f"RUNS/imhi/{policy}/{aligner}/{dataset}"
        yield (
            f"metaaligner align-file RUNS/imhi/{policy}/answers/{dataset}.csv --output {made}.csv "
            f"{asked} --model MetaAligner/MetaAligner-IMHI-{aligner.rpartition('-')[2]}"
        )
        yield (
            f"metaaligner evaluate judge {made}.csv --output {made} {asked} "
            f'--objective "{TOGETHER}" --dataset IMHI --judge {JUDGE} --one-order'
        )


def _baselines(dataset: str) -> Iterator[str]:
    folder = f"RUNS/{dataset}/LLaMA2-Chat-7B"
    names = objectives(dataset)
    yield f"\n# Table 3: baselines on {dataset}"
    for method in ("sft", "cdpo", "reward-model", "morlhf"):
        yield (
            "torchrun --nproc_per_node 4 -m langchain_metaaligner train "
            f"recipes/{dataset}-{method}.yaml"
        )
    systems, models = [f"policy={folder}/answers.csv"], []
    for method in BASELINES.values():
        yield (
            f"metaaligner generate --dataset {dataset} --input {QUERIES[dataset]} "
            f"--output {folder}/{method}.csv --limit 1200 --model runs/{dataset}-{method}/final"
        )
        systems.append(f"{method}={folder}/{method}.csv")
        models.append(f"--model {method}=runs/{dataset}-{method}/final")
    systems += [f"{one}={folder}/{one}.csv" for (one,) in distinct("table2", "aligner")]
    rewards = " ".join(
        f"--reward {name}=runs/{dataset}-reward-models/final/{name}" for name in names
    )
    yield (
        f"metaaligner evaluate compare {' '.join(systems)} {' '.join(models)} {rewards} "
        f"--judge {JUDGE} --dataset {CHECKPOINTS[dataset]} --output {folder}/comparison"
    )


def fill(runs: Path | None) -> str:
    return "\n\n".join(
        f"### {title}\n\n{table}"
        for title, table in (
            ("Table 2: gain of the win rate, in percentage points", table2(runs)),
            ("Table 3: win rate against the golden answers, in percent", table3(runs)),
            ("Table 7: gain of the win rate on IMHI, in percentage points", table7(runs)),
        )
    )


def table2(runs: Path | None) -> str:
    columns = distinct("table2", "dataset", "objective")
    cells = {}
    for row in rows("table2"):
        folder = _run(runs, row["dataset"], row["policy"], row["aligner"])
        yours = _gain(folder, row["objective"])
        key = (row["aligner"], row["policy"]), (row["dataset"], row["objective"])
        cells[key] = _cell(float(row["gain"]), yours)
    heads = [f"{CHECKPOINTS[dataset]} {objective}" for dataset, objective in columns]
    return _markdown(["aligner", "policy", *heads], columns, cells)


def table3(runs: Path | None) -> str:
    columns = distinct("table3", "dataset", "objective")
    cells, hours = {}, {}
    for row in rows("table3"):
        result = _result(_run(runs, row["dataset"], row["policy"], "comparison"))
        told = result.get("systems", {}).get(BASELINES.get(row["method"], row["method"]), {})
        judged = (told.get("judged") or {}).get(row["objective"], {}).get("win_rate")
        yours = None if judged is None else 100 * judged
        named = row["policy"], row["method"]
        cells[named, (row["dataset"], row["objective"])] = _cell(float(row["win_rate"]), yours)
        seconds = (told.get("seconds") or {}).get("cuda")
        spent = hours.setdefault(named, [row["gpu_hours"], 0.0])
        spent[1] += (seconds or 0.0) / 3600 / len(objectives(row["dataset"]))
    heads = [f"{CHECKPOINTS[dataset]} {objective}" for dataset, objective in columns]
    shown = {
        name: (paper or "–") + (f" / {yours:.1f}" if yours else "")
        for name, (paper, yours) in hours.items()
    }
    named = {((*key, shown[key]), column): cell for (key, column), cell in cells.items()}
    return _markdown(["policy", "method", "GPU hours", *heads], columns, named)


def table7(runs: Path | None) -> str:
    columns = distinct("table7", "dataset")
    cells = {}
    for row in rows("table7"):
        folder = _run(runs, "imhi", row["policy"], row["aligner"], row["dataset"])
        key = (row["aligner"], row["policy"]), (row["dataset"],)
        cells[key] = _cell(float(row["gain"]), _gain(folder, TOGETHER))
    return _markdown(["aligner", "policy", *(name for (name,) in columns)], columns, cells)


def _run(runs: Path | None, *parts: str) -> Path | None:
    return None if runs is None else runs.joinpath(*parts)


def _result(folder: Path | None) -> dict:
    path = folder and folder / "result.json"
    return json.loads(path.read_text())["figures"] if path and path.is_file() else {}


def _gain(folder: Path | None, objective: str) -> float | None:
    """The gain of a run; where there is none, over the rows of all runs beside or below it."""
    if folder is None:
        return None
    below = folder.parent if folder.name == "overall" else folder
    folders = [folder] if (folder / "result.json").is_file() else sorted(below.glob("*"))
    found = [_result(one).get("gains", {}).get(objective) for one in folders]
    gains = [one for one in found if one]
    if not gains:
        return None
    return 100 * sum(one["gain"] * one["rows"] for one in gains) / sum(one["rows"] for one in gains)


def _cell(paper: float, yours: float | None) -> str:
    return f"{paper:g}" if yours is None else f"{paper:g} / **{yours:.2f}**"


def _markdown(heads: list[str], columns: list, cells: dict) -> str:
    names = list(dict.fromkeys(name for name, _ in cells))
    lines = [heads, ["---"] * len(heads)]
    lines += [[*name, *(cells.get((name, column), "") for column in columns)] for name in names]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=("commands", "fill"))
    parser.add_argument("runs", type=Path)
    options = parser.parse_args()
    if options.action == "fill":
        print(fill(options.runs))
    else:
        print("\n".join(commands()).replace("RUNS", str(options.runs)))


if __name__ == "__main__":
    main()
