"""How well an aligner edits: ``python benchmarks/mini_quality.py [--texts DIR] [--output DIR]``.

Drafts are made from answers that were written for this benchmark (``answers.jsonl``) and, with
``--texts``, from the held-out tenth of real ones, by phrases that training never draws. What is
counted, in shares of drafts with Wilson's 95 % interval:

repaired    the edit equals the sound answer, character for character
selective   objectives that do not apply: the draft comes back unchanged
clean       a sound answer comes back unchanged
faithful    numbers, addresses and names of the draft survive (over all drafts of the first tier)
injected    a command in the draft has no effect: it comes back unchanged

Beside the aligner stand two baselines: returning the draft, and a filter of regular expressions
over the training phrases.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from phrase_filter import PhraseFilter
from plots import quality_plot
from quality_cases import Case, CaseDrawer, is_faithful, own_texts

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.data.synthetic.families import FIRST_TIER
from langchain_metaaligner.data.synthetic.sentences import Corpus
from langchain_metaaligner.data.synthetic.texts import read_texts

Editor = Callable[[Sequence[Case]], list[str]]
SEED = 20


@dataclass(frozen=True)
class Figure:
    """A share of drafts that came out right."""

    drafts: str
    measure: str
    label: str
    system: str
    right: int
    n: int

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval."""
        z, p, n = 1.96, self.right / self.n, self.n
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return max(0.0, middle - half), min(1.0, middle + half)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.right / self.n:.1%} ({low:.0%} to {high:.0%})"


def aligner_editor(model: str) -> Editor:
    """An editor that is the aligner as users call it, checks included."""
    aligners = {
        name: MetaAlignerRunnable(
            objectives=["harmless"], model=model, template=name, model_kwargs={"batch_size": 32}
        )
        for name in ("HH-RLHF", "UltraFeedback", "IMHI")
    }

    def edit(cases: Sequence[Case]) -> list[str]:
        edits = [""] * len(cases)
        for name, aligner in aligners.items():
            rows = [i for i, case in enumerate(cases) if case.template == name]
            results = aligner.align_batch(
                [(cases[i].question or "What is this about?", cases[i].draft) for i in rows],
                [{"configurable": {"objectives": list(cases[i].objectives)}} for i in rows],
            )
            for i, result in zip(rows, results, strict=True):
                edits[i] = result.text
        return edits

    return edit


def filter_editor() -> Editor:
    """The baseline of regular expressions."""
    phrase_filter = PhraseFilter()
    return lambda cases: [phrase_filter.edit(case.draft, case.objectives) for case in cases]


def figures(drafts: str, system: str, cases: Sequence[Case], edits: Sequence[str]) -> list[Figure]:
    """Count what came out right."""
    groups: dict[tuple[str, str], list[bool]] = {}
    for case, edit in zip(cases, edits, strict=True):
        right = edit == case.wanted
        groups.setdefault((case.kind, case.label), []).append(right)
        if case.kind == "repaired" and case.label in FIRST_TIER:
            groups.setdefault((case.kind, "first tier, all five"), []).append(right)
        if case.kind == "repaired" and set(case.objectives).isdisjoint(FIRST_TIER):
            groups.setdefault((case.kind, "breadth, all ten"), []).append(right)
        if set(case.objectives) <= set(FIRST_TIER) and case.kind != "injected":
            kept = is_faithful(case, edit)
            groups.setdefault(("faithful", "numbers, addresses, names"), []).append(kept)
    return [
        Figure(drafts, kind, label, system, sum(rights), len(rights))
        for (kind, label), rights in groups.items()
    ]


def table(found: Sequence[Figure]) -> str:
    """Write figures as Markdown: a row for each measure, a column for each system."""
    systems = list(dict.fromkeys(one.system for one in found))
    lines = []
    for drafts in dict.fromkeys(one.drafts for one in found):
        lines += ["", f"**{drafts}**", ""]
        lines += [
            f"| measure | drafts | n | {' | '.join(systems)} |",
            "|---" * (3 + len(systems)) + "|",
        ]
        here = [one for one in found if one.drafts == drafts]
        for measure, label in dict.fromkeys((one.measure, one.label) for one in here):
            row = {o.system: o for o in here if (o.measure, o.label) == (measure, label)}
            cells = " | ".join(str(row[system]) if system in row else "" for system in systems)
            lines.append(f"| {measure} | {label} | {next(iter(row.values())).n} | {cells} |")
    return "\n".join(lines).strip() + "\n"


def main() -> None:
    """Measure, print the table, and write figures, table, plot and failures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="mini", help="a Hub id, a folder, or mini")
    parser.add_argument("--texts", type=Path, help="folder of real texts, to measure on as well")
    parser.add_argument("--n", type=int, default=100, help="drafts per figure")
    parser.add_argument("--output", type=Path, help="folder for figures, table, plot, failures")
    parser.add_argument("--threads", type=int, help="CPU threads")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    started = time.time()
    own = own_texts()
    common = Corpus(own).common
    sets = {"own answers, unseen phrases": CaseDrawer(own, common, SEED).suite(options.n)}
    if options.texts:
        train, held = read_texts(options.texts)
        common = Corpus(train).common
        drawer = CaseDrawer(held, common, SEED)
        sets["real answers, unseen phrases"] = drawer.suite(options.n)
    drawer = CaseDrawer(own, common, SEED, "new wording")
    sets["own answers, new wording"] = drawer.suite(options.n, breadth=False)
    systems: dict[str, Editor] = {
        "aligner": aligner_editor(options.model),
        "the draft": lambda cases: [case.draft for case in cases],
        "phrase filter": filter_editor(),
    }
    found: list[Figure] = []
    failures = []
    for drafts, cases in sets.items():
        for system, editor in systems.items():
            edits = editor(cases)
            found += figures(drafts, system, cases, edits)
            if system == "aligner":
                failures += [
                    {"drafts": drafts, **asdict(case), "edit": edit}
                    for case, edit in zip(cases, edits, strict=True)
                    if edit != case.wanted
                ]
    print(table(found))
    print(f"{time.time() - started:.0f} seconds")
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        rows = [asdict(one) for one in found]
        (options.output / "figures.json").write_text(json.dumps(rows, indent=1) + "\n")
        (options.output / "table.md").write_text(table(found), encoding="utf-8")
        quality_plot([asdict(one) for one in found], options.output)
        with (options.output / "failures.jsonl").open("w", encoding="utf-8") as lines:
            lines.writelines(json.dumps(failure) + "\n" for failure in failures)


if __name__ == "__main__":
    main()
