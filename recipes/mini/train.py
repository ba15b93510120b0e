"""Train the mini aligner: ``python train.py --texts DIR --out DIR --minutes N``.

Random-token copying first, then one sentence, several sentences, whole answers. The learning rate
is held constant and falls to nothing in the last ``--decay`` minutes. Started again, a run goes on
from ``state.pt``, and the rate rises again first. ``--start FOLDER`` goes on from an exported
model, with its log: its hints are learned anew.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "8192")

import torch
import torch.nn.functional as F  # noqa: N812
from model import LeanLlama, config, export, plant_copying
from muon import Muon
from safetensors.torch import load_file
from tokenizer import save_tokenizer, train_tokenizer
from tokenizers import Tokenizer

from examples import IGNORED, STAGES, Maker, batches
from langchain_metaaligner.data.synthetic.families import FAMILIES
from langchain_metaaligner.data.synthetic.sentences import Corpus
from langchain_metaaligner.data.synthetic.texts import read_texts

COLUMNS = (
    "step", "minutes", "tokens", "rate", "loss", "accuracy", "tag_loss", "going_loss",
    "pointer_loss",
)  # fmt: skip
RATE = 2e-3
WARM_UP = 100
#: Weights of the hints' losses: whose flaw a token of the draft is, whether it goes, and from
#: where the next token is copied.
TAG_WEIGHT, GOING_WEIGHT, POINTER_WEIGHT = 0.2, 0.3, 0.2


def write_export(weights: dict[str, torch.Tensor], tokenizer: Tokenizer, folder: Path) -> None:
    """Write everything that a model folder needs."""
    folder.mkdir(parents=True, exist_ok=True)
    export(weights, folder)
    save_tokenizer(tokenizer, folder)
    kind = {"template": "UltraFeedback", "objectives": list(FAMILIES), "kind": "mini"}
    (folder / "metaaligner.json").write_text(json.dumps(kind, indent=2) + "\n", encoding="utf-8")


def _mean_loss(logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    total = F.cross_entropy(
        logits.flatten(0, 1).float(), wanted.flatten(), ignore_index=IGNORED, reduction="sum"
    )
    return total / (wanted != IGNORED).sum().clamp(min=1)


class Trainer:
    """Weights in bf16 with fp32 masters; Muon for the matrices, Adam for the rest."""

    def __init__(self, vocab_size: int) -> None:
        self.model = LeanLlama(config(vocab_size))
        plant_copying(self.model)
        self.master = {
            name: torch.nn.Parameter(parameter.detach().clone())
            for name, parameter in self.model.named_parameters()
        }
        self.model.to(torch.bfloat16)
        hidden = [p for n, p in self.master.items() if n.startswith("layers") and p.dim() == 2]
        tags = [p for n, p in self.master.items() if n.startswith("tag")]
        rest = [
            p
            for n, p in self.master.items()
            if not n.startswith("tag") and not (n.startswith("layers") and p.dim() == 2)
        ]
        self.optimizers = [
            Muon(hidden, lr=RATE),
            torch.optim.Adam(rest, lr=RATE, betas=(0.9, 0.97), eps=1e-10, foreach=True),
            torch.optim.Adam(tags, lr=RATE, betas=(0.9, 0.97), eps=1e-10, foreach=True),
        ]
        self.trunk = torch.compile(self.model, dynamic=True)
        self.steps = self.tokens = 0
        self.seconds = 0.0
        self.push()

    def push(self) -> None:
        """Copy the masters into the bf16 weights."""
        with torch.no_grad():
            names, weights = zip(*self.model.named_parameters(), strict=True)
            torch._foreach_copy_(weights, [self.master[name] for name in names])

    def step(self, batch: Sequence[torch.Tensor], rate: float) -> list[float]:
        """Take one step; return the loss, the share of right tokens and the hints' losses."""
        ids, targets, tags, going, sources = batch
        wanted, chosen = targets.flatten(), (targets.flatten() != -100).nonzero()[:, 0]
        # As with the lengths of the rows: few shapes.
        chosen = F.pad(chosen, (0, -len(chosen) % 256), value=wanted.tolist().index(-100))
        wanted = wanted[chosen]
        hidden, hints = self.trunk(ids)
        hidden = hidden.flatten(0, 1).index_select(0, chosen)
        logits = F.linear(hidden, self.model.embed_tokens.weight).float()
        loss = F.cross_entropy(logits, wanted, ignore_index=-100)
        pointed = hints.pointer.gather(2, sources.clamp(min=0)[..., None])[..., 0]
        known = sources != IGNORED
        others = [
            _mean_loss(hints.tags, tags),
            _mean_loss(hints.going, going),
            -((pointed + 1e-6).log() * known).sum() / known.sum().clamp(min=1),
        ]
        weights = (TAG_WEIGHT, GOING_WEIGHT, POINTER_WEIGHT)
        hinted = sum(weight * other for weight, other in zip(weights, others, strict=True))
        (loss + hinted).backward()
        for name, parameter in self.model.named_parameters():
            self.master[name].grad = parameter.grad.float()
            parameter.grad = None
        torch.nn.utils.clip_grad_norm_(self.master.values(), 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
        self.push()
        self.steps += 1
        self.tokens += ids.numel()
        right = (logits.argmax(-1) == wanted).sum() / (wanted != -100).sum()
        return [loss.item(), right.item(), *(other.item() for other in others)]

    def start_from(self, folder: Path) -> None:
        """Take up the weights and the counters of an exported model."""
        with torch.no_grad():
            for name, value in load_file(folder / "model.safetensors").items():
                self.master[name.removeprefix("model.")].copy_(value)
        with (folder / "training_log.csv").open(encoding="utf-8") as log:
            *_, last = csv.DictReader(log)
        self.steps, self.tokens = int(last["step"]), int(last["tokens"])
        self.seconds = 60 * float(last["minutes"])
        self.push()

    def weights(self) -> dict[str, torch.Tensor]:
        """Return the fp32 weights."""
        return {name: parameter.detach() for name, parameter in self.master.items()}

    def save(self, path: Path) -> None:
        """Write all that a resumed run needs, replacing the file at once."""
        state = {
            "master": self.weights(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "counters": (self.steps, self.tokens, self.seconds),
        }
        torch.save(state, path.with_suffix(".tmp"))
        os.replace(path.with_suffix(".tmp"), path)

    def load(self, path: Path) -> None:
        """Take up a saved state."""
        state = torch.load(path)
        with torch.no_grad():
            for name, value in state["master"].items():
                self.master[name].copy_(value)
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            saved["param_groups"] = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict(saved)
        self.steps, self.tokens, self.seconds = state["counters"]
        self.push()


def load_tokenizer(out: Path, texts: list[str]) -> Tokenizer:
    """Read the tokenizer from ``out``, or train it there."""
    path = out / "tokenizer.json"
    if path.exists():
        return Tokenizer.from_file(str(path))
    tokenizer = train_tokenizer(texts)
    out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(path))
    return tokenizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=Path, required=True, help="folder of CSV and JSONL files")
    parser.add_argument("--out", type=Path, required=True, help="folder for states and exports")
    parser.add_argument("--minutes", type=float, required=True, help="how long to train now")
    parser.add_argument("--start", type=Path, default=None, help="folder of an exported model")
    parser.add_argument("--decay", type=float, default=None, help="minutes of falling rate")
    parser.add_argument("--batch-tokens", type=int, default=6144)
    parser.add_argument("--rate", type=float, default=RATE, help="highest learning rate")
    parser.add_argument("--log-steps", type=int, default=50)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)

    state = options.out / "state.pt"
    resuming = state.exists()
    options.out.mkdir(parents=True, exist_ok=True)
    log_path = options.out / "training_log.csv"
    if not resuming:
        log_path.unlink(missing_ok=True)
    if options.start and not resuming:
        for name in ("tokenizer.json", "training_log.csv"):
            shutil.copy(options.start / name, options.out)
    train, _ = read_texts(options.texts)
    tokenizer = load_tokenizer(
        options.out, [part for text in train for part in (text.answer, text.question[-400:])]
    )
    trainer = Trainer(tokenizer.get_vocab_size())
    if resuming:
        trainer.load(state)
    elif options.start:
        trainer.start_from(options.start)
    rng = random.Random(options.seed + trainer.steps)
    maker = Maker(Corpus(train), tokenizer, rng)

    start, before, resumed = time.time(), trainer.seconds, trainer.steps
    length = options.minutes * 60
    decay = options.minutes * 60 * 0.2 if options.decay is None else options.decay * 60
    saved, decaying = start, False

    def progress() -> int:
        """Tokens seen so far; in the decay the last stage is due at any count."""
        return STAGES[-1][0] - 1 if decaying else trainer.tokens

    new = not log_path.exists()
    with log_path.open("a", newline="", encoding="utf-8") as log:
        writer = csv.writer(log)
        if new:
            writer.writerow(COLUMNS)
        losses: list[list[float]] = []
        for batch in batches(maker, options.batch_tokens, progress):
            elapsed = time.time() - start
            if elapsed > length:
                break
            rate = options.rate * min(1.0, (trainer.steps - resumed + 1) / WARM_UP)
            rate *= min(1.0, max(0.01, (length - elapsed) / max(decay, 1e-9)))
            if not decaying and length - elapsed < decay:
                decaying = True
                trainer.save(state)
                shutil.copy(state, options.out / "state_before_decay.pt")
            losses.append(trainer.step(batch, rate))
            trainer.seconds = before + time.time() - start
            if trainer.steps % options.log_steps == 0:
                means = [f"{sum(values) / len(losses):.4f}" for values in zip(*losses, strict=True)]
                losses.clear()
                minutes = f"{trainer.seconds / 60:.2f}"
                row = [trainer.steps, minutes, trainer.tokens, f"{rate:.5f}"]
                writer.writerow([*row, *means])
                log.flush()
                print(*row, *means, flush=True)
            if time.time() - saved > 120:
                saved = time.time()
                trainer.save(state)
    trainer.save(state)
    write_export(trainer.weights(), tokenizer, options.out / "export")
    print("exported to", options.out / "export", flush=True)


if __name__ == "__main__":
    main()
