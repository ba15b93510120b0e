"""The ways to run an aligner that `speed.py` compares, and what each of them computes."""

from __future__ import annotations

import importlib
import importlib.util
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig

from langchain_metaaligner.decode.complete import complete
from langchain_metaaligner.decode.row import GUESSES, Decoding
from langchain_metaaligner.models.checkpoint import Checkpoint
from langchain_metaaligner.models.spec import BUNDLED, gguf_file

Outputs = list[list[int]]
System = Callable[[Checkpoint, Sequence[str], int], Outputs]
"""Takes a model, prompts, and how many new tokens an answer may have."""


@dataclass
class Work:
    """What a system had the model compute.

    Attributes:
        passes: forward passes.
        tokens: tokens in them, padding included.
        keys: keys that they attended to, over all rows.
    """

    passes: int = 0
    tokens: int = 0
    keys: int = 0


def cache_of(named: dict[str, Any]) -> Any:
    """The cache among the arguments of a forward pass, by its old name or that of 5.24."""
    return named.get("cache", named.get("past_key_values"))


class Cipher:
    """Makes a model write its edits in a cipher: real edits that overlap less with their drafts.

    A share of the vocabulary is exchanged among itself in what the model writes, and back again in
    what it reads of its own writing. So it goes on editing, at unchanged cost and length, but a
    part of its tokens cannot be looked up in the draft.

    Args:
        checkpoint: the model.
        share: of the vocabulary: 0 leaves the edits as they are, 1 lets no token be looked up.
    """

    def __init__(self, checkpoint: Checkpoint, share: float) -> None:
        size = checkpoint.model.config.vocab_size
        rng = random.Random(7)
        special = {checkpoint.pad_id, *checkpoint.eos_ids, *checkpoint.tokenizer.all_special_ids}
        plain = [token for token in range(size) if token not in special]
        chosen = rng.sample(plain, int(share * len(plain)))
        self.written = torch.arange(size)
        # Each takes the place of the next one: none stays where it was.
        self.written[torch.tensor(chosen, dtype=torch.long)] = torch.tensor(
            chosen[1:] + chosen[:1], dtype=torch.long
        )
        self.read = torch.argsort(self.written)

    def into(self, module: Any, args: Any, named: dict[str, Any]) -> Any:
        """Read the model's own writing; prompts are plain."""
        ids, cache = named["input_ids"], cache_of(named)
        own = torch.zeros_like(ids, dtype=torch.bool)
        if "spans" in named:  # a packed pass of ours: prompts and answers side by side
            own[0] = self._own(named)
        elif cache is not None and cache.get_seq_length():
            own[:] = True
        return args, {**named, "input_ids": torch.where(own, self.read.to(ids.device)[ids], ids)}

    def _own(self, named: dict[str, Any]) -> torch.Tensor:
        """Which tokens of a packed pass the model wrote, or may write next."""
        rows, places = cache_of(named).rows, named["position_ids"][0]
        begun = torch.ones(int(rows.max()) + 1, dtype=torch.bool)
        begun[rows[places == 0]] = False  # a row whose prompt is read in this pass
        own = begun[rows]
        for asked in named["logits_to_keep"].tolist():  # its guesses stand behind what is asked
            if asked + 1 < len(rows) and rows[asked + 1] == rows[asked]:
                own[asked + 1] = True
        return own

    def out_of(self, module: Any, args: Any, output: Any) -> Any:
        """Exchange the tokens that the model writes."""
        output.logits = output.logits[..., self.read.to(output.logits.device)]
        return output


@contextmanager
def watched(checkpoint: Checkpoint, cipher: Cipher | None = None) -> Iterator[Work]:
    """Counts what the model computes; with a cipher, its edits are written in it."""
    work = Work()

    def count(module: Any, args: Any, named: dict[str, Any]) -> None:
        work.passes += 1
        ids = named["input_ids"]
        work.tokens += ids.numel()
        if "spans" in named:
            work.keys += sum(one.real.shape[0] * one.reach for one in named["spans"])
        else:
            cache = cache_of(named)
            before = cache.get_seq_length() if hasattr(cache, "get_seq_length") else 0
            work.keys += ids.shape[0] * (int(before) + ids.shape[1])

    model = checkpoint.model
    hooks = [model.register_forward_pre_hook(count, with_kwargs=True)]
    if cipher is not None:
        hooks.append(model.register_forward_pre_hook(cipher.into, with_kwargs=True))
        hooks.append(model.register_forward_hook(cipher.out_of))
    try:
        yield work
    finally:
        for hook in hooks:
            hook.remove()


@torch.inference_mode()
def _generate(checkpoint: Checkpoint, prompts: Sequence[str], most: int, **options: Any) -> Outputs:
    rows = checkpoint.encode(prompts)
    width, pad, device = max(map(len, rows)), checkpoint.pad_id, checkpoint.model.device
    output = checkpoint.model.generate(
        input_ids=torch.tensor([[pad] * (width - len(row)) + row for row in rows], device=device),
        attention_mask=torch.tensor(
            [[0] * (width - len(row)) + [1] * len(row) for row in rows], device=device
        ),
        generation_config=GenerationConfig(do_sample=False, max_new_tokens=most, **options),
    )
    return [_ended(checkpoint, row) for row in output[:, width:].tolist()]


def _ended(checkpoint: Checkpoint, row: Sequence[int]) -> list[int]:
    end = next((at for at, token in enumerate(row) if token in checkpoint.eos_ids), len(row))
    return list(row[:end])


def research(checkpoint: Checkpoint, prompts: Sequence[str], most: int, size: int = 8) -> Outputs:
    """As the research script: batches in file order, padded, run until their last row ends."""
    outputs: Outputs = []
    for at in range(0, len(prompts), size):
        outputs += _generate(checkpoint, prompts[at : at + size], most)
    return outputs


def sorted_batches(checkpoint: Checkpoint, prompts: Sequence[str], most: int) -> Outputs:
    """As `research`, with prompts of like length together."""
    order = sorted(range(len(prompts)), key=lambda at: len(prompts[at]))
    made = research(checkpoint, [prompts[at] for at in order], most)
    return [row for _, row in sorted(zip(order, made, strict=True))]


def one_by_one(checkpoint: Checkpoint, prompts: Sequence[str], most: int) -> Outputs:
    """``generate``, a row at a time."""
    return research(checkpoint, prompts, most, 1)


def prompt_lookup(checkpoint: Checkpoint, prompts: Sequence[str], most: int) -> Outputs:
    """Transformers' own prompt lookup, which takes a row at a time."""
    return [
        row
        for prompt in prompts
        for row in _generate(checkpoint, [prompt], most, prompt_lookup_num_tokens=10)
    ]


def continuous(checkpoint: Checkpoint, prompts: Sequence[str], most: int) -> Outputs:
    """Transformers' continuous batching."""
    from transformers.generation.configuration_utils import ContinuousBatchingConfig

    model, rows = checkpoint.model, checkpoint.encode(prompts)
    attention = model.config._attn_implementation
    config = GenerationConfig(
        do_sample=False,
        max_new_tokens=most,
        pad_token_id=checkpoint.pad_id,
        eos_token_id=sorted(checkpoint.eos_ids),
    )
    try:
        made = model.generate_batch(
            rows,
            generation_config=config,
            continuous_batching_config=ContinuousBatchingConfig(
                num_blocks=256, max_batch_tokens=512, page_size=32
            ),
            progress_bar=False,
        )
    finally:
        model.set_attn_implementation(attention)
    # Requests are numbered in the order of the prompts.
    results = [made[key] for key in sorted(made, key=lambda key: int(key.rpartition("_")[2]))]
    return [_ended(checkpoint, result.generated_tokens) for result in results]


def ours(
    checkpoint: Checkpoint, prompts: Sequence[str], most: int, size: int = 8, guesses: int = GUESSES
) -> Outputs:
    """This package: lookup decoding, rows that come and go."""
    decoding = Decoding(max_new_tokens=most, batch_size=size, guesses=guesses)
    drafts = {prompt: draft_in(prompt) for prompt in prompts}
    made = complete(checkpoint, prompts, decoding, shared=False, drafts=drafts)
    return [list(completion.ids) for completion in made]


def draft_in(prompt: str) -> str:
    """The draft of an edit prompt."""
    return prompt.rpartition(" | Answer: ")[2].removesuffix(" | Edit: ")


def ours_wide(checkpoint: Checkpoint, prompts: Sequence[str], most: int) -> Outputs:
    """The same with ``batch_size=32``: without padding, more rows cost little."""
    return ours(checkpoint, prompts, most, 32)


def ours_alone(checkpoint: Checkpoint, prompts: Sequence[str], most: int) -> Outputs:
    """The same, a row at a time."""
    return [row for prompt in prompts for row in ours(checkpoint, [prompt], most, 1)]


def ours_without_guesses(checkpoint: Checkpoint, prompts: Sequence[str], most: int) -> Outputs:
    """The same loop, token after token."""
    return ours(checkpoint, prompts, most, guesses=0)


@torch.inference_mode()
def prefill(checkpoint: Checkpoint, prompts: Sequence[str], most: int, size: int = 8) -> Outputs:
    """The floor: every prompt is read, sorted into batches, and nothing is written."""
    rows = sorted(checkpoint.encode(prompts), key=len)
    pad, device = checkpoint.pad_id, checkpoint.model.device
    for at in range(0, len(rows), size):
        batch = rows[at : at + size]
        width = max(map(len, batch))
        ids = torch.tensor([row + [pad] * (width - len(row)) for row in batch], device=device)
        checkpoint.model(input_ids=ids, use_cache=True, logits_to_keep=1)
    return []


BATCHED: dict[str, System] = {
    "research script": research,
    "transformers, sorted": sorted_batches,
    "transformers, continuous batching": continuous,
    "ours": ours,
    "ours, 32 rows": ours_wide,
    "ours, without guesses": ours_without_guesses,
    "prefill alone (floor)": prefill,
}
SINGLE: dict[str, System] = {
    "transformers, one by one": one_by_one,
    "transformers, prompt lookup": prompt_lookup,
    "ours, one by one": ours_alone,
}


def llama_cpp(checkpoint: Checkpoint) -> dict[str, System]:
    """llama.cpp with its own prompt lookup on the same file; nothing where that is not possible.

    It needs llama-cpp-python, which is not among the extras, and a checkpoint of one GGUF file. Its
    tokens are those of quantized arithmetic: they need not be the same.
    """
    folder = Path(str(BUNDLED.get(checkpoint.name, checkpoint.name))).expanduser()
    file = gguf_file(folder) if folder.is_dir() else None
    if importlib.util.find_spec("llama_cpp") is None or file is None:
        return {}
    llama = importlib.import_module("llama_cpp")
    lookup = importlib.import_module("llama_cpp.llama_speculative")
    model = llama.Llama(
        model_path=str(folder / file),
        n_ctx=4096,
        n_threads=torch.get_num_threads(),
        draft_model=lookup.LlamaPromptLookupDecoding(num_pred_tokens=10),
        verbose=False,
    )

    def system(checkpoint: Checkpoint, prompts: Sequence[str], most: int) -> Outputs:
        made = []
        for ids in checkpoint.encode(prompts):
            model.reset()
            tokens = islice(model.generate(ids, temp=0.0, repeat_penalty=1.0), most)
            made.append(list(takewhile(lambda token: token not in checkpoint.eos_ids, tokens)))
        return made

    return {"llama.cpp, prompt lookup": system}
