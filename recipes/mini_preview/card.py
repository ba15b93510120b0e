"""Write the model card: ``python card.py --model DIR --figures FILE.json``.

The figures are those that ``evaluate.py --output FILE.json`` wrote; tokens, steps and minutes come
from ``training_log.csv`` in the model folder.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

from evaluate import wilson

CARD = """---
license: mit
library_name: transformers
pipeline_tag: text-generation
tags: [metaaligner, alignment, demonstration]
---
# mini-preview: a demonstration aligner

A Llama of 5.6 million parameters that edits a draft answer for up to five objectives: harmless,
helpful, professional, repeat and length. It is here so that the package can be tried at once,
without a download. **It is a demonstration, not a substitute for the published MetaAligner
checkpoints**: it undoes a few families of surface faults and has no knowledge of its own.

It reads the three published edit templates (HH-RLHF, UltraFeedback, IMHI; `better` form) and
answers greedily. Load it with `AutoTokenizer` and `AutoModelForCausalLM`.

| objective | what it takes out or mends |
|---|---|
| harmless | inserted insults |
| helpful | refusals to help; one offer of help is added at the end instead |
| professional | slang, lost capitals, shouting, runs of `!` and `?` |
| repeat | a sentence said twice |
| length | openers, closers, stock preambles |

For the other objectives of the templates it does nothing.

## Training

From nothing, on two shared CPU cores, by the recipe in `recipes/mini_preview`: {steps:,} steps,
{tokens:.1f} million tokens (padding included), {minutes:.0f} minutes (`training_log.csv`). The
pairs are real answers (MetaAligner's released policy outputs and MentaLLaMA's test sets, both MIT,
and HH-RLHF's harmless test pairs, MIT) degraded by made-up phrases; the answer itself is the
target. The copying heads were written by hand before training. The mixture of examples was
adjusted twice while it ran, so the recipe gives a like model, not the same bytes.

## Measured

Held-out answers and held-out phrases, greedy; a draft counts when its edit equals the wanted one
character for character. "mixed" has two or three kinds of fault, of which all but one are asked
to be mended. Intervals are Wilson's, 95 %.

{table}
## Limits

- English only. It was trained on drafts of up to about 230 words and gets less exact with length;
  it can drop or repeat a passage, and then runs on until the token limit.
- It finds faults by their form. An insult or a piece of slang unlike the trained ones stays; plain
  text that looks like one may go. It judges no facts and adds none.
- It is no safety filter, and must not be used as one. The texts of the IMHI template come from
  mental-health posts; nothing that it returns is advice.

MIT licence.
"""


def table(figures: list[dict[str, str | int]]) -> str:
    """Return the figures as a Markdown table, one row for each kind of draft."""
    sizes = list(dict.fromkeys(str(figure["size"]) for figure in figures))
    cells: dict[str, dict[str, str]] = {}
    for figure in figures:
        right, n = int(figure["right"]), int(figure["n"])
        low, high = wilson(right, n)
        cell = f"{right / n:.1%} ({low:.0%} to {high:.0%}, n = {n})"
        cells.setdefault(str(figure["kind"]), {})[str(figure["size"])] = cell
    lines = ["| drafts | " + " | ".join(sizes) + " |", "|---|" + "---|" * len(sizes)]
    lines += [
        f"| {kind} | " + " | ".join(row.get(size, "not measured") for size in sizes) + " |"
        for kind, row in cells.items()
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--figures", type=Path, required=True)
    options = parser.parse_args()
    with (options.model / "training_log.csv").open(encoding="utf-8", newline="") as log:
        last = list(csv.DictReader(log))[-1]
    card = CARD.format(
        steps=int(last["step"]),
        tokens=int(last["tokens"]) / 1e6,
        minutes=float(last["minutes"]),
        table=table(json.loads(options.figures.read_text(encoding="utf-8"))),
    )
    (options.model / "README.md").write_text(card, encoding="utf-8")


if __name__ == "__main__":
    main()
