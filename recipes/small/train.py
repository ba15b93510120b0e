"""Train the small aligner: ``python train.py --base DIR --texts DIR --out DIR --minutes N``.

Phrases of the grammar first, then drafts that people wrote, a few sentences before whole ones. The
loss is on the edit, its decisions weigh most, and three hints help: whose flaw a token of the draft
is, whether the edit takes it out, and whether the next token of the edit departs from the draft.
Started again, a run goes on from ``state.pt``, and drafts are read anew. The rate falls over the
last part of each run. What is exported is a running mean of the weights.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from examples import Encoder, Example, batches
from model import FlatLlama, Hidden, save_folder
from torch import Tensor
from transformers import AutoTokenizer

from langchain_metaaligner.data.marked import read_marked
from langchain_metaaligner.data.natural import NaturalPairs, Shares
from langchain_metaaligner.data.paradetox import read_paradetox
from langchain_metaaligner.data.synthetic.texts import read_texts
from langchain_metaaligner.objectives import KNOWN

DRAFTS = Path(__file__).with_name("drafts")
COLUMNS = (
    "step", "minutes", "tokens", "rate", "loss", "departures", "copies", "tag_loss", "going_loss",
    "departing_loss",
)  # fmt: skip
WARM_UP = 30
HINTS = 0.3
#: The share of copied tokens that the loss looks at: they are easy, and the head is dear.
LOOKED_AT = 0.3
#: Each step moves the exported mean by this share of the difference.
MEAN = 0.01
#: A departing token counts so many times in its hint.
RARE = 8.0


class Trainer:
    """The model, its optimizer, and the running mean of its weights."""

    def __init__(self, base: Path, rank: int, frozen: float, seed: int) -> None:
        torch.manual_seed(seed)
        self.base = base
        self.model = FlatLlama(base, rank, frozen)
        self.weights = dict(self.model.named_parameters())
        self.optimizer = torch.optim.AdamW(
            self.weights.values(), betas=(0.9, 0.98), weight_decay=0.0
        )
        self.mean = {name: one.detach().clone() for name, one in self.weights.items()}
        self.steps = self.tokens = 0
        self.seconds = 0.0

    def step(
        self, batch: Sequence[Example], prefix: list[int], rate: float, rng: random.Random
    ) -> list[float]:
        """Take one step; return the loss, shares of right tokens and the hints' losses."""
        lengths = [len(prefix), *map(len, batch)]
        ids = torch.tensor(prefix + [one for row in batch for one in (*row.prompt, *row.edit)])
        hidden = self.model(ids, lengths)
        loss, told = self._losses(hidden, batch, len(prefix), rng)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.weights.values(), 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.steps += 1
        self.tokens += len(ids)
        share = max(MEAN, 1 / self.steps)
        with torch.no_grad():
            torch._foreach_lerp_(list(self.mean.values()), list(self.weights.values()), share)
        return told

    def _losses(
        self, hidden: Hidden, batch: Sequence[Example], start: int, rng: random.Random
    ) -> tuple[Tensor, list[float]]:
        places, wanted, weights, departs = [], [], [], []
        drafts, tags, going, hints = [], [], [], []
        decisions, departing = [], []
        for row in batch:
            for i, tag in enumerate(row.tags):
                if row.hints[i]:
                    drafts.append(start + i)
                    tags.append(tag)
                    going.append(row.going[i])
                    hints.append(row.hints[i])
            first = start + len(row.prompt) - 1
            for i, token in enumerate(row.edit):
                decisions.append(first + i)
                departing.append(row.departing[i])
                copied = row.weights[i] < 0.5
                if not copied or rng.random() < LOOKED_AT:
                    places.append(first + i)
                    wanted.append(token)
                    weights.append(row.weights[i] / (LOOKED_AT if copied else 1))
                    departs.append(row.departing[i])
            start += len(row)
        logits = self.model.logits(hidden.last[torch.tensor(places)])
        target, departs_at = torch.tensor(wanted), torch.tensor(departs, dtype=torch.bool)
        loss = _mean(logits, target, torch.tensor(weights))
        hint = torch.tensor(hints)
        at = torch.tensor(drafts, dtype=torch.long)
        leaves = torch.tensor(departing)
        others = [
            _mean(hidden.tags[at], torch.tensor(tags, dtype=torch.long), hint),
            _mean(hidden.going[at], torch.tensor(going, dtype=torch.long), hint),
            _mean(hidden.departing[torch.tensor(decisions)], leaves, 1 + (RARE - 1) * leaves),
        ]
        right = (logits.argmax(-1) == target).float()
        shares = [_share(right[departs_at]), _share(right[~departs_at])]
        told = [loss.item(), *shares, *(other.item() for other in others)]
        return loss + HINTS * torch.stack(others).sum(), told

    def export(self, folder: Path) -> None:
        """Write the mean of the weights as a checkpoint."""
        kept = {name: one.detach().clone() for name, one in self.weights.items()}
        with torch.no_grad():
            for name, one in self.weights.items():
                one.copy_(self.mean[name])
            save_folder(self.model.merged(), self.base, folder)
            for name, one in self.weights.items():
                one.copy_(kept[name])
        told = {"template": "UltraFeedback", "objectives": list(KNOWN), "kind": "small"}
        (folder / "metaaligner.json").write_text(json.dumps(told, indent=2) + "\n")

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


def _mean(logits: Tensor, wanted: Tensor, weights: Tensor) -> Tensor:
    losses = F.cross_entropy(logits, wanted, reduction="none")
    return (losses * weights).sum() / weights.sum().clamp(min=1e-6)


def _share(right: Tensor) -> float:
    return right.mean().item() if len(right) else float("nan")


def shares(progress: float) -> Shares:
    """The mixture after a share of the run: from phrases and few sentences to whole drafts."""
    grown = min(1.0, progress / 0.7)
    grammar = 0.5 - 0.42 * grown
    return Shares(
        grammar=grammar,
        marked=0.76 * (1 - grammar),
        woven=0.12 * (1 - grammar),
        whole=0.4 + 0.4 * grown,
        invented=0.35 + 0.5 * grown,
    )


def read_pairs(drafts: Path, texts: Path | None, seed: int) -> NaturalPairs:
    """Make the mixture from a folder of marked drafts and one of real texts, with ParaDetox."""
    real, _ = read_texts(texts) if texts else ([], [])
    rude = sorted(texts.rglob("paradetox.tsv")) if texts else []
    marked = read_marked(drafts.glob("*.jsonl"))
    rows = [row for path in rude for row in read_paradetox(path)]
    return NaturalPairs(marked, real, rows, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, required=True, help="folder that base.py wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder for states and exports")
    parser.add_argument("--minutes", type=float, required=True, help="how long to train now")
    parser.add_argument("--texts", type=Path, help="folder of real texts (see recipes/mini)")
    parser.add_argument("--drafts", type=Path, default=DRAFTS, help="folder of marked drafts")
    parser.add_argument("--decay", type=float, default=0.4, help="share of falling rate")
    parser.add_argument("--batch-tokens", type=int, default=1600)
    parser.add_argument("--longest", type=int, default=480, help="tokens of prompt and edit")
    parser.add_argument("--total", type=float, default=20e6, help="tokens of the whole schedule")
    parser.add_argument("--rate", type=float, default=8e-4, help="highest learning rate")
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--frozen", type=float, default=0.4, help="share of the layers")
    parser.add_argument("--log-steps", type=int, default=10)
    parser.add_argument("--export-minutes", type=float, default=25.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    state, log_path = options.out / "state.pt", options.out / "training_log.csv"
    trainer = Trainer(options.base, options.rank, options.frozen, options.seed)
    if state.exists():
        trainer.load(state)
    seed = options.seed + trainer.steps
    rng = random.Random(seed)
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
            pairs.shares = shares(trainer.tokens / options.total)
            rate = options.rate * min(1.0, (trainer.steps - resumed + 1) / WARM_UP)
            rate *= min(1.0, max(0.02, (length - elapsed) / max(length * options.decay, 1e-9)))
            prefix = encoder.prefixes[batch[0].template]
            rows.append(trainer.step(batch, prefix, rate, rng))
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
                trainer.export(options.out / f"{trainer.tokens // 1000}k")
    trainer.save(state)
    trainer.export(options.out / "export")
    print("exported to", options.out / "export", flush=True)


def _known_mean(values: Sequence[float]) -> str:
    known = [value for value in values if value == value]
    return f"{sum(known) / len(known):.4f}" if known else ""


if __name__ == "__main__":
    main()
