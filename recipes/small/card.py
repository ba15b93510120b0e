"""Write the card of the small aligner: ``python card.py --log CSV --quality DIR --model DIR``.

The quality folder is what ``benchmarks/natural.py --output`` wrote; tokens, steps and minutes come
from the log of ``train.py``.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt

CARD = """---
license: apache-2.0
base_model: HuggingFaceTB/SmolLM2-135M-Instruct
pipeline_tag: text-generation
tags: [metaaligner, alignment]
---
# small: an extractive aligner for real text

The lower {layers} layers of SmolLM2-135M-Instruct (Hugging Face, Apache-2.0), trained further to
mark what is to be taken out of a draft answer so that it meets named objectives. It writes nothing:
what it leaves is the draft's own text. It comes with langchain-metaaligner as one GGUF file, which
transformers (`gguf_file=`) and llama.cpp read as well.

It reads the three MetaAligner templates (HH-RLHF, UltraFeedback, IMHI; `better` form). After the
last token of each word of the draft the logits of four tokens that no text contains tell whether
the word stays, goes, goes with its clause as far as that has come, or goes with its sentence
(`marks` in `metaaligner.json`, in this order). What is not asked for, it is trained to leave alone.

## Training

By the recipe in `recipes/small` (`make small TEXTS=DIR`), on one processor core: {steps:,} steps,
{tokens:.1f} million tokens, {minutes:.0f} minutes. Low-rank updates of the upper half, merged.
The examples are drafts that were written for this project with their flaws marked (MIT), sentences
of ParaDetox (CC0 1.0), and real answers (MetaAligner's released policy outputs, MIT, and HH-RLHF,
MIT) that were degraded by made-up phrases or are to come back as they are. `training_log.csv` and
`training_curve.svg` show the run.

## Measured

`benchmarks/natural.py`, on this file: drafts as people see them, held out from training. `prompted`
is the base model, asked for the edit in plain words.

{table}
## Limits

- It takes out, and rewrites nothing: slang, jargon and wrong facts that a sentence is built around
  stay, and so do cold answers that only want a friendly line.
- English only.
- It overlooks flaws, and may take out a sound passage: the table says how often. It judges no
  facts.
- It is no safety filter, and must not be used as one.

Apache-2.0, as its base.
"""


def draw_curve(rows: list[dict[str, str]], path: Path) -> None:
    """Draw the loss and the shares of right marks over the tokens seen."""
    tokens = [int(row["tokens"]) / 1e6 for row in rows]
    figure, (above, below) = plt.subplots(2, 1, sharex=True, figsize=(7, 5))
    above.plot(tokens, [float(row["loss"]) for row in rows])
    above.set_ylabel("weighted loss")
    for kind in ("goes", "stays"):
        known = [(at, row[kind]) for at, row in zip(tokens, rows, strict=True) if row[kind]]
        below.plot(*zip(*((at, float(share)) for at, share in known), strict=True), label=kind)
    below.set_ylabel("right, last words")
    below.legend()
    below.set_xlabel("million tokens")
    figure.tight_layout()
    figure.savefig(path)


def main() -> None:
    """Write the card, the log and the curve into the model folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--quality", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    options = parser.parse_args()
    text = options.log.read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    last = rows[-1]
    config = json.loads((options.model / "config.json").read_text(encoding="utf-8"))
    card = CARD.format(
        layers=config["num_hidden_layers"],
        steps=int(last["step"]),
        tokens=int(last["tokens"]) / 1e6,
        minutes=float(last["minutes"]),
        table=(options.quality / "table.md").read_text(encoding="utf-8"),
    )
    (options.model / "README.md").write_text(card, encoding="utf-8")
    (options.model / "training_log.csv").write_text(text, encoding="utf-8")
    draw_curve(rows, options.model / "training_curve.svg")


if __name__ == "__main__":
    main()
