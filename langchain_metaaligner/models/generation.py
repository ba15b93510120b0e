"""Generation over a `Checkpoint`: many prompts, in batches.

Every prompt gets the tokens that ``model.generate`` would give it alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import GenerationConfig, StoppingCriteria, StoppingCriteriaList
from transformers.generation.streamers import BaseStreamer

from langchain_metaaligner.errors import SettingError, nearest
from langchain_metaaligner.models.checkpoint import Checkpoint

_OPTIONS = frozenset(vars(GenerationConfig()))  # type: ignore[no-untyped-call]
_OURS = frozenset(
    {
        "max_new_tokens",
        "max_length",
        "stop_strings",
        "num_return_sequences",
        "return_dict_in_generate",
        "eos_token_id",
        "pad_token_id",
    }
)


@dataclass(frozen=True)
class Decoding:
    """How to decode.

    Attributes:
        max_new_tokens: tokens that an answer may take.
        stop: texts that end an answer; it is cut before the first of them.
        batch_size: rows in one forward pass.
        options: further options of transformers' ``GenerationConfig``, such as ``do_sample`` and
            ``temperature``. Without any, decoding is greedy.

    Raises:
        SettingError: when an option is unknown, or is one that the fields above decide, and when
            ``max_new_tokens`` or ``stop`` would leave every answer empty.
    """

    max_new_tokens: int
    stop: tuple[str, ...] = ()
    batch_size: int = 8
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for option in self.options:
            if option in _OURS:
                raise SettingError(
                    f"The generation option {option!r} is not free here: use max_new_tokens and "
                    "stop; every prompt gets one answer."
                )
            if option not in _OPTIONS:
                raise SettingError(
                    f"The generation option {option!r} is unknown to transformers' "
                    f"GenerationConfig.{nearest(option, _OPTIONS)}"
                )
        if self.max_new_tokens < 1:
            raise SettingError(f"max_new_tokens={self.max_new_tokens} was given; it is at least 1.")
        if "" in self.stop:
            raise SettingError("stop holds an empty text, which would end every answer at once.")

    def cut(self, text: str) -> int | None:
        """Where the first stop text begins in ``text``; None where there is none."""
        return min((at for stop in self.stop if (at := text.find(stop)) >= 0), default=None)


@dataclass(frozen=True)
class Completion:
    """One finished answer.

    Attributes:
        text: the answer, without the prompt, cut before the first stop text.
        finish_reason: "stop" when an end of sequence or a stop text ended it, else "length".
        prompt_tokens: ids of the prompt, padding not counted.
        completion_tokens: ids that the model made, neither padding nor the end of sequence counted.
    """

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


def complete(
    checkpoint: Checkpoint, prompts: Sequence[str], decoding: Decoding
) -> list[Completion]:
    """Answer all prompts, in as few forward passes as memory allows.

    Prompts of similar length share a batch. Where a batch does not fit into the memory of a CUDA
    device, the batch size is halved for the rest of the call. Where the longest prompt of a batch
    fills the model's context, the others go on in a batch without it.

    Args:
        checkpoint: the model.
        prompts: any number of prompts.
        decoding: how to decode.

    Returns:
        One completion per prompt, in the order of the prompts.

    Raises:
        SettingError: when a prompt leaves no room in the model's context.
        torch.cuda.OutOfMemoryError: when a single prompt does not fit.
    """
    answers = [Answer(prompt, checkpoint, decoding) for prompt in checkpoint.encode(prompts)]
    batch_size = decoding.batch_size
    waiting = list(answers)
    while waiting:
        waiting.sort(key=lambda answer: len(answer.row))
        batch = waiting[-batch_size:]
        try:
            made = generate(batch)
        except torch.cuda.OutOfMemoryError:
            if len(batch) == 1:
                raise
            made = []
        if not made:  # outside of the handler, where the failed pass no longer holds its memory
            torch.cuda.empty_cache()
            batch_size = len(batch) // 2
            continue
        for answer, new in zip(batch, made, strict=True):
            answer.extend(new)
        waiting = waiting[: -len(batch)] + [answer for answer in batch if answer.open]
    return [answer.completion() for answer in answers]


def generate(
    batch: Sequence[Answer],
    criteria: Sequence[StoppingCriteria] = (),
    streamer: BaseStreamer | None = None,
) -> list[list[int]]:
    """One call of ``model.generate``, padded on the left, as far as every answer has room.

    Args:
        batch: at least one answer, all of one checkpoint and one decoding.
        criteria: may end rows early.
        streamer: is shown the ids as they are made.

    Returns:
        The new ids of each answer. A row that ended before others is filled with pad ids.
    """
    checkpoint, decoding = batch[0].checkpoint, batch[0].decoding
    rows = [answer.row for answer in batch]
    width = max(map(len, rows))
    device = checkpoint.model.device
    if decoding.stop:
        criteria = [*criteria, _StopTexts(batch, width)]
    with checkpoint.generating:
        output = checkpoint.model.generate(
            input_ids=torch.tensor(
                [[checkpoint.pad_id] * (width - len(row)) + row for row in rows], device=device
            ),
            attention_mask=torch.tensor(
                [[0] * (width - len(row)) + [1] * len(row) for row in rows], device=device
            ),
            generation_config=GenerationConfig(  # type: ignore[no-untyped-call]
                **{"do_sample": False, **decoding.options},
                max_new_tokens=min(answer.room for answer in batch),
            ),
            stopping_criteria=StoppingCriteriaList(criteria),
            streamer=streamer,
        )
    new: list[list[int]] = output[:, width:].tolist()
    return new


class Answer:
    """The answer to one prompt while it is being made.

    Args:
        prompt: token ids of the prompt.
        checkpoint: the model.
        decoding: how to decode.

    Raises:
        SettingError: when the prompt leaves no room in the model's context.
    """

    def __init__(self, prompt: list[int], checkpoint: Checkpoint, decoding: Decoding) -> None:
        self.checkpoint = checkpoint
        self.decoding = decoding
        self.prompt = prompt
        self.ids: list[int] = []
        self.ended = False
        if self.room <= 0:
            raise SettingError(
                f"The prompt has {len(prompt)} tokens and fills the context of "
                f"{checkpoint.name!r}, which is {checkpoint.context_length}. Shorten the prompt, "
                "or use a model with a longer context."
            )

    @property
    def row(self) -> list[int]:
        """All ids so far: the prompt's and the answer's."""
        return self.prompt + self.ids

    @property
    def room(self) -> int:
        """Ids that the answer may still take."""
        room = self.decoding.max_new_tokens - len(self.ids)
        context = self.checkpoint.context_length
        return room if context is None else min(room, context - len(self.row))

    @property
    def open(self) -> bool:
        """Whether the answer is not complete yet."""
        return not self.ended and self.room > 0

    def extend(self, new: Iterable[int]) -> None:
        """Take ids that the model made, up to the end of sequence or the first stop text."""
        for token in new:
            if token in self.checkpoint.eos_ids:
                self.ended = True
                return
            self.ids.append(token)
        if self.decoding.stop and self.decoding.cut(self.checkpoint.decode(self.ids)) is not None:
            self.ended = True
            while self.ids[-1] == self.checkpoint.pad_id:
                self.ids.pop()

    def completion(self) -> Completion:
        """The answer as it stands."""
        text = self.checkpoint.decode(self.ids)
        return Completion(
            text=text[: self.decoding.cut(text)],
            finish_reason="stop" if self.ended else "length",
            prompt_tokens=len(self.prompt),
            completion_tokens=len(self.ids),
        )


class _StopTexts(StoppingCriteria):
    """Ends each row of a batch once its answer holds a stop text."""

    def __init__(self, batch: Sequence[Answer], width: int) -> None:
        self.decoding = batch[0].decoding
        self.checkpoint = batch[0].checkpoint
        self.before = [list(answer.ids) for answer in batch]
        self.width = width

    def __call__(
        self, input_ids: torch.Tensor, scores: tuple[torch.Tensor] | None, **kwargs: Any
    ) -> Any:
        new = input_ids[:, self.width :].tolist()
        ended = [
            self.decoding.cut(self.checkpoint.decode(before + ids)) is not None
            for before, ids in zip(self.before, new, strict=True)
        ]
        return torch.tensor(ended, device=input_ids.device)
