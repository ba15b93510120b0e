"""Train the small aligner: ``python train.py --base DIR --texts DIR --out DIR --minutes N``.

It learns to mark, on each word of a draft, whether an edit would take it out; there is nothing to
write, so that every token read is one learned from. Started again, a run goes on from
``state.pt``, and drafts are read anew. The rate falls over the last part of each run. What is
exported is a running mean of the weights.
"""

from __future__ import annotations

import argparse
import csv
import os
import signal
import time
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from model import FlatLlama, WordLogits, save_folder
from torch import Tensor
from transformers import AutoTokenizer

from examples import Encoder, Example, Label, batches
from langchain_metaaligner.data.marked import read_marked
from langchain_metaaligner.data.natural import NaturalPairs, Shares
from langchain_metaaligner.data.paradetox import read_paradetox
from langchain_metaaligner.data.synthetic.texts import read_texts

DRAFTS = Path(__file__).with_name("drafts")
COLUMNS = ("step", "minutes", "tokens", "rate", "loss", "tag_loss", "goes", "stays")
WARM_UP = 20
#: What the hint weighs beside the marks.
HINT = 0.3
#: Each step moves the exported mean by this share of the difference.
MEAN = 0.015
#: The mixture: `data.natural.Shares`.
SHARES = Shares(grammar=0.08, marked=0.6, woven=0.12, whole=0.45, invented=0.7)


class Trainer:
    """The model, its optimizer, and the running mean of its weights."""

    def __init__(self, options: argparse.Namespace) -> None:
        torch.manual_seed(options.seed)
        self.base = options.base
        self.model = FlatLlama(options.base, options.rank, options.frozen, options.depth)
        self.weights = dict(self.model.named_parameters())
        self.optimizer = torch.optim.AdamW(
            self.weights.values(), betas=(0.9, 0.98), weight_decay=0.0
        )
        self.mean = {name: one.detach().clone() for name, one in self.weights.items()}
        self.steps = self.tokens = 0
        self.seconds = 0.0

    def step(self, batch: Sequence[Example], prefix: list[int], rate: float) -> list[float]:
        """Take one step; return the two losses, and shares of right marks on deciding words."""
        lengths = [len(prefix), *map(len, batch)]
        ids = torch.tensor(prefix + [token for row in batch for token in row.prompt])
        starts = list(accumulate(lengths))
        words = [at + i for at, row in zip(starts, batch, strict=False) for i in row.places]
        labels = [label for row in batch for label in row.labels]
        logits = self.model(ids, lengths, torch.tensor(words, dtype=torch.long))
        loss, values = _losses(logits, labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.weights.values(), 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.steps += 1
        self.tokens += len(ids)
        share = max(MEAN, 1 / (self.steps + 1))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.mean.values()), list(self.weights.values()), share)
        return values

    def export(self, folder: Path, caution: float) -> None:
        """Write the mean of the weights as a checkpoint."""
        now = {name: one.detach().clone() for name, one in self.weights.items()}
        with torch.no_grad():
            for name, one in self.weights.items():
                one.copy_(self.mean[name])
            save_folder(self.model, self.base, folder, caution)
            for name, one in self.weights.items():
                one.copy_(now[name])

    def save(self, path: Path) -> None:
        """Write all that a resumed run needs, replacing the file at once."""
        state = {
            "weights": {name: one.detach() for name, one in self.weights.items()},
            "mean": self.mean,
            "optimizer": self.optimizer.state_dict(),
            "counters": (self.steps, self.tokens, self.seconds),
        }
        torch.save(state, path.with_suffix(".tmp"))
        os.replace(path.with_suffix(".tmp"), path)

    def load(self, path: Path) -> None:
        """Take up a saved state."""
        state = torch.load(path)
        with torch.no_grad():
            for name, one in self.weights.items():
                one.copy_(state["weights"][name])
        self.mean = state["mean"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.steps, self.tokens, self.seconds = state["counters"]


def _losses(logits: WordLogits, labels: Sequence[Label]) -> tuple[Tensor, list[float]]:
    """The loss, and what the log shows of it: marks, hint, and what is right of two kinds."""
    weights = torch.tensor([label.weight for label in labels])
    reach = torch.tensor([label.reach for label in labels])
    tags = torch.tensor([label.tag for label in labels])
    marks, hint = (
        (F.cross_entropy(rows, wanted, reduction="none") * weights).sum()
        / weights.sum().clamp(min=1e-6)
        for rows, wanted in ((logits.marks, reach), (logits.tags, tags))
    )
    right = (logits.marks.argmax(-1) == reach).float()
    deciding = weights >= 1
    shares = [_share(right[deciding & goes]) for goes in (reach > 0, reach == 0)]
    return marks + HINT * hint, [marks.item(), hint.item(), *shares]


def _share(right: Tensor) -> float:
    return right.mean().item() if len(right) else float("nan")


def read_pairs(drafts: Path, texts: Path | None, seed: int) -> NaturalPairs:
    """Make the mixture from a folder of marked drafts and one of real texts, with ParaDetox."""
    real, _ = read_texts(texts) if texts else ([], [])
    rude = sorted(texts.rglob("paradetox.tsv")) if texts else []
    marked = read_marked(drafts.glob("*.jsonl"))
    rows = [row for path in rude for row in read_paradetox(path)]
    return NaturalPairs(marked, real, rows, seed, SHARES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, required=True, help="folder that base.py wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder for states and exports")
    parser.add_argument("--minutes", type=float, required=True, help="how long to train now")
    parser.add_argument("--texts", type=Path, help="folder of real texts (see recipes/mini)")
    parser.add_argument("--drafts", type=Path, default=DRAFTS, help="folder of marked drafts")
    parser.add_argument("--decay", type=float, default=0.7, help="share of falling rate")
    parser.add_argument("--batch-tokens", type=int, default=1500)
    parser.add_argument("--longest", type=int, default=480, help="tokens of a prompt")
    parser.add_argument("--rate", type=float, default=6e-4, help="highest learning rate")
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--frozen", type=float, default=1 / 3, help="share of the base's layers")
    parser.add_argument("--depth", type=float, default=2 / 3, help="share of them that is used")
    parser.add_argument("--caution", type=float, default=2.0, help="of the exported checkpoint")
    parser.add_argument("--log-steps", type=int, default=10)
    parser.add_argument("--export-minutes", type=float, default=25.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    state, log_path = options.out / "state.pt", options.out / "training_log.csv"
    trainer = Trainer(options)
    if state.exists():
        trainer.load(state)
    seed = options.seed + trainer.steps
    pairs = read_pairs(options.drafts, options.texts, seed)
    encoder = Encoder(AutoTokenizer.from_pretrained(options.base))
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stopped.append(number))

    start, before, resumed = time.time(), trainer.seconds, trainer.steps
    length, exported = options.minutes * 60, time.time()
    new = not log_path.exists()
    with log_path.open("a", newline="", encoding="utf-8") as log:
        writer = csv.writer(log)
        if new:
            writer.writerow(COLUMNS)
        rows: list[list[float]] = []
        for batch in batches(encoder, iter(pairs), options.batch_tokens, options.longest):
            elapsed = time.time() - start
            if stopped or elapsed > length:
                break
            rate = options.rate * min(1.0, (trainer.steps - resumed + 1) / WARM_UP)
            rate *= min(1.0, max(0.02, (length - elapsed) / max(length * options.decay, 1e-9)))
            prefix = encoder.prefixes[batch[0].template]
            rows.append(trainer.step(batch, prefix, rate))
            trainer.seconds = before + time.time() - start
            if trainer.steps % options.log_steps == 0:
                means = [_known_mean(values) for values in zip(*rows, strict=True)]
                rows.clear()
                minutes = f"{trainer.seconds / 60:.2f}"
                row = [trainer.steps, minutes, trainer.tokens, f"{rate:.6f}", *means]
                writer.writerow(row)
                log.flush()
                print(*row, flush=True)
            if time.time() - exported > options.export_minutes * 60:
                exported = time.time()
                trainer.save(state)
                trainer.export(options.out / f"{trainer.tokens // 1000}k", options.caution)
    trainer.save(state)
    trainer.export(options.out / "export", options.caution)
    print("exported to", options.out / "export", flush=True)


def _known_mean(values: Sequence[float]) -> str:
    known = [value for value in values if value == value]
    return f"{sum(known) / len(known):.4f}" if known else ""


if __name__ == "__main__":
    main()
