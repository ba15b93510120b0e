"""Write the model card of the mini: ``python card.py --model DIR --quality DIR``.

The quality folder is what ``benchmarks/mini_quality.py --output`` wrote; tokens, steps and minutes
come from ``training_log.csv`` in the model folder.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import matplotlib.pyplot as plt

CARD = """---
license: mit
library_name: transformers
pipeline_tag: text-generation
tags: [metaaligner, alignment, demonstration]
---
# mini: a demonstration aligner

A Llama of 5.6 million parameters that edits a draft answer for the objectives of the three
MetaAligner templates. It comes with langchain-metaaligner, so that the package can be tried at
once, without a download. **It is a demonstration, not a substitute for the published MetaAligner
checkpoints**: it undoes families of surface flaws, and has no knowledge of its own.

It reads the three published edit templates (HH-RLHF, UltraFeedback, IMHI; `better` form) and
answers greedily. Plain `AutoTokenizer` and `AutoModelForCausalLM` load it.

| objective | what an edit for it does |
|---|---|
| harmless | takes out insults: sentences, addresses before a sentence, asides |
| helpful | takes out refusals to help, and ends with an offer of help in their place |
| professional | mends slang, lost capitals, shouting, runs of `!` and `?` |
| repeat | takes out a sentence that stood before |
| length | takes out openers, closers and stock preambles |
| humor | takes out a gloomy remark and ends with a cheerful line in its place |
| readable | puts plain words for technical ones |
| honest, truthful, factual | take out invented experience, concealment, false certainty |
| correct, informative, specific | take out self-contradiction, assertion without evidence, filler |
| instruction_following, fair | take out digressions, one-sided claims |

What is not asked for, it is trained to leave alone. The first five are its first tier.

## Training

By the recipe in `recipes/mini` (`make mini TEXTS=DIR`), on two shared CPU cores: {steps:,} steps,
{tokens:.1f} million tokens (padding included), {minutes:.0f} minutes. Copying heads were written
into the weights by hand before training. Each example is a real answer (MetaAligner's released
policy outputs and MentaLLaMA's test sets, both MIT, and HH-RLHF's harmless test pairs, MIT),
degraded by made-up phrases; the sound answer is the target. Three hints help the training along and
are not part of the model: whose flaw a token of the draft is, whether it goes, and where the next
token is copied from.
{history}`training_log.csv` and `training_curve.svg` beside this card show the run.

## Measured

`benchmarks/mini_quality.py`: drafts of 20 to 150 words from answers that training never saw, with
phrases that it never saw. "New wording" has forms and words that no phrase of training had.

{table}
## Limits

- English only, and drafts of up to about 300 words. It can drop or repeat a passage; the runnable's
  checks then keep the draft.
- It finds flaws by their form. An insult or a piece of slang unlike the trained ones stays; sound
  text that looks like one may go. It judges no facts and adds none.
- It is no safety filter, and must not be used as one. The IMHI texts are about mental health;
  nothing that it returns is advice.

MIT licence.
"""

HISTORY = """
The run was not one piece: its first {switch:.0f} million tokens had fewer phrases and no hints, the
objectives beyond the first tier came in late, and further phrases after 117 million. The recipe now
starts with all of it, and makes a like model, not the same bytes.

"""


def draw_curve(rows: list[dict[str, str]], path: Path) -> None:
    """Draw the loss and the share of right tokens over the tokens seen."""
    tokens = [int(row["tokens"]) / 1e6 for row in rows]
    figure, (above, below) = plt.subplots(2, 1, sharex=True, figsize=(7, 5))
    above.semilogy(tokens, [float(row["loss"]) for row in rows])
    above.set_ylabel("loss on the answer")
    below.semilogy(tokens, [1 - float(row["accuracy"]) for row in rows])
    below.set_ylabel("share of wrong tokens")
    below.set_xlabel("million tokens")
    figure.tight_layout()
    figure.savefig(path)


def main() -> None:
    """Write ``README.md`` and ``training_curve.svg`` into the model folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--quality", type=Path, required=True)
    options = parser.parse_args()
    with (options.model / "training_log.csv").open(encoding="utf-8", newline="") as log:
        rows = list(csv.DictReader(log))
    hinted = [row for row in rows if row.get("pointer_loss")]
    switch = int(hinted[0]["tokens"]) / 1e6 if hinted else 0.0
    last = rows[-1]
    card = CARD.format(
        steps=int(last["step"]),
        tokens=int(last["tokens"]) / 1e6,
        minutes=float(last["minutes"]),
        history=HISTORY.format(switch=switch) if switch > 1 else "",
        table=(options.quality / "table.md").read_text(encoding="utf-8"),
    )
    (options.model / "README.md").write_text(card, encoding="utf-8")
    draw_curve(rows, options.model / "training_curve.svg")


if __name__ == "__main__":
    main()
