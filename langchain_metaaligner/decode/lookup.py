"""Lookup decoding in batches: the tokens of greedy decoding in a fraction of the forward passes.

Each pass verifies, for every row, the tokens that its `Pointer` guesses. Every row keeps what the
model agrees with, plus the token that the model makes itself; rows advance unevenly, finished ones
leave, and new ones join, whose prompts are read in the same pass.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

import torch

from langchain_metaaligner.decode.answer import Answer
from langchain_metaaligner.decode.dial import Place, dialled, foretold
from langchain_metaaligner.decode.packed import Feed, SlotCache, packed
from langchain_metaaligner.decode.pointer import MOST, Pointer, Track, best_numbers
from langchain_metaaligner.models.checkpoint import Checkpoint

FAMILIES = frozenset({"llama", "mistral", "qwen2", "qwen3", "gemma"})
"""Model types with one head, standard attention and a standard cache."""

_MEMORY_SHARE = 0.8  # of the free memory of a CUDA device, for keys and values


def obstacle(checkpoint: Checkpoint) -> str | None:
    """Why lookup decoding cannot run on a checkpoint; None where it can."""
    config = checkpoint.model.config
    layers = set(getattr(config, "layer_types", None) or ["full_attention"])
    rope = (getattr(config, "rope_parameters", None) or {}).get("rope_type", "default")
    devices = set((getattr(checkpoint.model, "hf_device_map", None) or {"": 0}).values())
    if config.model_type not in FAMILIES:
        return f"models of the type {config.model_type!r} have no fast path"
    if layers != {"full_attention"}:
        return f"its layers are {', '.join(sorted(layers))}"
    if rope in ("dynamic", "longrope"):
        return f"its positions ({rope}) depend on the length of the text"
    return "its layers lie on several devices" if len(devices) > 1 else None


class LookupLoop:
    """Rows that are decoded together.

    Args:
        checkpoint: a model without an `obstacle`.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._cache = SlotCache(checkpoint.model.config.num_hidden_layers)
        self._rows: list[_Row] = []

    @property
    def answers(self) -> list[Answer]:
        """The answers that are still being made."""
        return [row.answer for row in self._rows]

    def room(self, length: int) -> int | None:
        """How many rows of ``length`` tokens fit into memory; None where that is not known."""
        model = self._checkpoint.model
        if model.device.type != "cuda":
            return None
        config = model.config
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        numbers_a_token = 2 * config.num_hidden_layers * config.num_key_value_heads * size
        free, _ = torch.cuda.mem_get_info(model.device)
        return max(1, int(_MEMORY_SHARE * free / (numbers_a_token * model.dtype.itemsize * length)))

    def admit(self, answers: Sequence[Answer]) -> list[Answer]:
        """Take new answers in; none of them is complete yet."""
        self._rows += [_Row(answer) for answer in answers]
        return []

    def step(self) -> list[Answer]:
        """One forward pass over all rows.

        Returns:
            The answers that it completed.
        """
        pace = self._checkpoint.pace
        guesses = [row.guess(MOST) for row in self._rows]
        reaches = [
            row.track.reaches(len(guess)) for row, guess in zip(self._rows, guesses, strict=True)
        ]
        numbers = best_numbers(reaches, pace)
        feeds = [
            Feed(row.unread + guess[:number], row.length - len(row.unread))
            for row, guess, number in zip(self._rows, guesses, numbers, strict=True)
        ]
        favoured = [
            row.favoured(guess[:number])
            for row, guess, number in zip(self._rows, guesses, numbers, strict=True)
        ]
        made = self._forward(feeds, [len(row.unread) - 1 for row in self._rows], favoured)
        for row, guess, number, tokens in zip(self._rows, guesses, numbers, made, strict=True):
            row.take(guess, tokens, number)
        return self._leave()

    def drop(self, answer: Answer) -> None:
        """Leave an answer as it stands."""
        self._leave(dropped=answer)

    @torch.inference_mode()
    def _forward(
        self,
        feeds: Sequence[Feed],
        firsts: Sequence[int],
        favoured: Sequence[Sequence[int | None]],
    ) -> list[list[int]]:
        """What the model makes after each token of a row's feed, from its ``first`` on."""
        cautions = [row.answer.decoding.caution for row in self._rows]
        spread = [one for one, row in zip(cautions, favoured, strict=True) for _ in row]
        flat = [token for row in favoured for token in row]
        choose = partial(dialled, favoured=flat, caution=spread) if any(cautions) else None
        with self._checkpoint.generating:
            before = time.perf_counter()
            made = packed(self._checkpoint.model, self._cache, feeds, firsts, choose)
            tokens = sum(len(feed.ids) for feed in feeds)
            self._checkpoint.pace.passed(tokens, time.perf_counter() - before)
        return made

    def _leave(self, dropped: Answer | None = None) -> list[Answer]:
        """Take out the rows that are complete; the last rows move into their places."""
        left = []
        for place in reversed(range(len(self._rows))):
            answer = self._rows[place].answer
            if answer is dropped or not answer.open:
                left.append(answer)
                last = self._rows.pop()
                if place < len(self._rows):
                    self._rows[place] = last
                    self._cache.move(len(self._rows), place)
        return left


class _Row:
    """One answer in a loop.

    Attributes:
        length: tokens of prompt and answer so far.
        unread: the last of them, which the model has not read yet: at first the whole prompt.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        draft = draft_ids(answer)
        pointer = Pointer([*draft, *answer.prompt], len(draft), answer.checkpoint.phrases)
        pointer.follow(answer.ids)
        self.track = Track(pointer, answer.checkpoint.pace)
        self.place = place_of(answer)
        self.unread = answer.row
        self.length = len(self.unread)

    def favoured(self, guess: Sequence[int]) -> list[int | None]:
        """The draft's tokens after the last token and after each guess, where the dial is on."""
        return foretold(self.place, guess) if self.place else [None] * (len(guess) + 1)

    def guess(self, most: int) -> list[int]:
        """Guesses for the next tokens; the model's own token after them has room too."""
        return self.track.pointer.guess(min(most, self.answer.room - 1))

    def take(self, guess: Sequence[int], made: Sequence[int], verified: int) -> None:
        """Keep the guesses that the model agrees with, and the token that it makes after them.

        Args:
            guess: the tokens guessed, of which the first ``verified`` were shown to the model. The
                next is compared with what the model makes all the same.
            made: what the model makes after the last token, after the first guess, ….
            verified: how many guesses were shown.
        """
        right = 0
        while right < verified and guess[right] == made[right]:
            right += 1
        tokens = list(made[: right + 1])
        foreseen = right + (right == verified and right < len(guess) and guess[right] == tokens[-1])
        self.track.verified(guess[: right + 1], foreseen)
        self.track.pointer.follow(tokens)
        if self.place is not None:
            self.place.follow(*tokens)
        self.answer.extend(tokens[: self.answer.room])
        self.length += len(tokens)
        self.unread = tokens[-1:]


def draft_ids(answer: Answer) -> list[int]:
    """The tokens that an edit would have that changes nothing; none where there is no draft."""
    _, mark, rest = answer.text.rpartition(" | Answer: ")
    draft, end, _ = rest.rpartition(" | Edit: ")
    return answer.checkpoint.encode_answer(draft) if mark and end else []


def place_of(answer: Answer) -> Place | None:
    """Where an edit stands in its draft; None where the dial is off, or there is no draft."""
    draft = draft_ids(answer) if answer.decoding.caution else []
    if not draft:
        return None
    place = Place([*draft, answer.checkpoint.tokenizer.eos_token_id])
    place.follow(*answer.ids)
    return place
