"""Measure a mini on held-out texts and phrases: ``python evaluate.py --model DIR --texts DIR``.

Every draft is made from an answer of the held-out tenth of the texts and with phrases that training
never draws. A figure is the share of drafts whose edit equals the wanted one, character for
character; the interval beside it is Wilson's at 95 %.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from degrade import Corpus, Degrader, Draft
from examples import choose_objectives, shorten
from prompts import OTHERS, TEMPLATES, TIER
from texts import read_pairs
from transformers import AutoModelForCausalLM, AutoTokenizer

SIZES = {"20-60 words": (20, 60), "60-150 words": (60, 150)}


class Case(NamedTuple):
    """One prompt, the draft in it, and the wanted edit."""

    prompt: str
    draft: str
    wanted: str


class Aligner:
    """A model folder, used as anyone would: AutoTokenizer, AutoModelForCausalLM, greedy."""

    def __init__(self, folder: Path, batch: int = 32) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.batch = batch

    @torch.inference_mode()
    def edit(self, prompts: Sequence[str], drafts: Sequence[str]) -> list[str]:
        """Edit drafts, in batches of alike lengths."""
        encode = self.tokenizer.encode
        ids = [encode(prompt) for prompt in prompts]
        room = [len(encode(draft)) + 40 for draft in drafts]
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        edits = [""] * len(ids)
        for start in range(0, len(order), self.batch):
            rows = order[start : start + self.batch]
            longest = max(len(ids[i]) for i in rows)
            x = torch.zeros(len(rows), longest, dtype=torch.long)
            mask = torch.zeros_like(x)
            for row, i in enumerate(rows):
                x[row, longest - len(ids[i]) :] = torch.tensor(ids[i])
                mask[row, longest - len(ids[i]) :] = 1
            output = self.model.generate(
                x,
                attention_mask=mask,
                max_new_tokens=max(room[i] for i in rows),
                do_sample=False,
                pad_token_id=0,
            )
            for row, i in enumerate(rows):
                new = output[row, longest:].tolist()
                new = new[: new.index(2)] if 2 in new else new
                edits[i] = self.tokenizer.decode(new, skip_special_tokens=True)
        return edits


class Cases:
    """Draws test cases."""

    def __init__(self, corpus: Corpus, degrader: Degrader, rng: random.Random) -> None:
        self.corpus, self.degrader, self.rng = corpus, degrader, rng

    def _case(self, question: str, draft: Draft, objectives: Sequence[str]) -> Case:
        template = self.rng.choice(list(TEMPLATES.values()))
        asked = shorten(self.rng, question, template.name)
        text = draft.render()
        return Case(template.prompt(objectives, asked, text), text, draft.render(objectives))

    def repaired(self, size: tuple[int, int], families: Sequence[str]) -> Case:
        """Degraded by ``families``, all of them among the objectives."""
        while True:
            question, items = self.corpus.window(self.rng, self.rng.randint(*size))
            draft = self.degrader.degrade(items, families)
            if draft.families == set(families) and self._fits(draft, size):
                return self._case(question, draft, self._shuffled(families))

    def mixed(self, size: tuple[int, int]) -> Case:
        """Degraded by two or three families of which one or two are to be undone."""
        while True:
            families = self.rng.sample(TIER, self.rng.choice((2, 3)))
            question, items = self.corpus.window(self.rng, self.rng.randint(*size))
            draft = self.degrader.degrade(items, families)
            if draft.families == set(families) and self._fits(draft, size):
                return self._case(question, draft, self._shuffled(families[:-1]))

    def selective(self, size: tuple[int, int]) -> Case:
        """Degraded, but by families that are not among the objectives."""
        while True:
            families = self.rng.sample(TIER, self.rng.choice((1, 2)))
            rest = [name for name in TIER if name not in families]
            objectives = self.rng.sample(rest, self.rng.choice((1, 1, 2)))
            if self.rng.random() < 0.2:
                objectives = self.rng.sample(OTHERS, self.rng.choice((1, 2)))
            question, items = self.corpus.window(self.rng, self.rng.randint(*size))
            draft = self.degrader.degrade(items, families)
            if draft.families == set(families) and self._fits(draft, size):
                return self._case(question, draft, objectives)

    def clean(self, size: tuple[int, int]) -> Case:
        """Not degraded at all."""
        while True:
            question, items = self.corpus.window(self.rng, self.rng.randint(*size))
            draft = Draft(items)
            if self._fits(draft, size):
                return self._case(question, draft, choose_objectives(self.rng))

    def _shuffled(self, families: Sequence[str]) -> list[str]:
        return self.rng.sample(list(families), len(families))

    @staticmethod
    def _fits(draft: Draft, size: tuple[int, int]) -> bool:
        return size[0] <= len(draft.render().split()) <= size[1]


def wilson(right: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share."""
    z, p = 1.96, right / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return middle - half, middle + half


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--n", type=int, default=200, help="drafts per figure")
    parser.add_argument("--phrases", choices=("held-out", "training"), default="held-out")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, help="write the figures as JSON")
    parser.add_argument("--failures", type=Path, help="write what went wrong as JSON lines")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    started = time.time()
    train, held = read_pairs(options.texts)
    rng = random.Random(20)
    common = Corpus(train).common
    degrader = Degrader(rng, common, options.phrases == "held-out")
    cases = Cases(Corpus(held), degrader, rng)
    aligner = Aligner(options.model)
    figures, failures = [], []
    print(f"| {'drafts':<22} | {'size':<12} | exact | 95 % interval | n |\n|---|---|---|---|---|")
    for size_name, size in SIZES.items():
        kinds = {f"repaired: {name}": (lambda s, f=(name,): cases.repaired(s, f)) for name in TIER}
        kinds |= {
            "repaired: mixed": cases.mixed,
            "clean, unchanged": cases.clean,
            "selective, unchanged": cases.selective,
        }
        single = 0
        for kind, draw in kinds.items():
            drawn = [draw(size) for _ in range(options.n)]
            edits = aligner.edit([case.prompt for case in drawn], [case.draft for case in drawn])
            right = 0
            for case, edit in zip(drawn, edits, strict=True):
                right += edit == case.wanted
                if edit != case.wanted:
                    failures.append(
                        {"kind": kind, "size": size_name, **case._asdict(), "got": edit}
                    )
            rows = [(kind, right, options.n)]
            if kind.removeprefix("repaired: ") in TIER:
                single += right
                if kind.endswith(TIER[-1]):
                    rows.append(("repaired: all five", single, options.n * len(TIER)))
            for name, count, n in rows:
                low, high = wilson(count, n)
                figures.append({"kind": name, "size": size_name, "right": count, "n": n})
                print(
                    f"| {name:<22} | {size_name:<12} | {count / n:5.1%} | "
                    f"{low:.1%} to {high:.1%} | {n} |",
                    flush=True,
                )
    print(f"{time.time() - started:.0f} seconds")
    if options.output:
        options.output.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if options.failures:
        with options.failures.open("w", encoding="utf-8") as lines:
            lines.writelines(json.dumps(failure) + "\n" for failure in failures)


if __name__ == "__main__":
    main()
