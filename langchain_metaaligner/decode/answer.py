"""One answer of a `Checkpoint`: how it is decoded, and how far it has come."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from transformers import GenerationConfig

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
        method: "lookup" verifies guesses from the draft, "greedy" makes token after token. The
            tokens are the same.
        options: further options of transformers' ``GenerationConfig``, such as ``do_sample`` and
            ``temperature``. Without any, decoding is greedy.
        caution: how far below the best the logit of the draft's next token may be for it to be
            taken (`dial`); 0 is plain greedy decoding. Not where ``options`` sample.

    Raises:
        SettingError: when an option is unknown, or is one that the fields above decide, when
            ``caution`` is below 0, and when ``max_new_tokens`` or ``stop`` would leave every
            answer empty.
    """

    max_new_tokens: int
    stop: tuple[str, ...] = ()
    batch_size: int = 8
    method: Literal["lookup", "greedy"] = "lookup"
    options: Mapping[str, Any] = field(default_factory=dict)
    caution: float = 0.0

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
        if not 0 <= self.caution < math.inf:
            raise SettingError(
                f"caution={self.caution} was given; it is a number from 0, which changes nothing, "
                "to about 10, with which hardly any draft is edited."
            )
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


class Answer:
    """The answer to one prompt while it is being made.

    Args:
        text: the prompt.
        checkpoint: the model.
        decoding: how to decode.

    Attributes:
        prompt: token ids of the prompt.
        ids: token ids made so far, without the end of sequence.
        ended: whether an end of sequence or a stop text came.

    Raises:
        SettingError: when the prompt leaves no room in the model's context.
    """

    def __init__(self, text: str, checkpoint: Checkpoint, decoding: Decoding) -> None:
        self.text = text
        self.checkpoint = checkpoint
        self.decoding = decoding
        self.prompt = checkpoint.encode([text])[0]
        self.ids: list[int] = []
        self.ended = False
        if self.room <= 0:
            raise SettingError(
                f"The prompt has {len(self.prompt)} tokens and fills the context of "
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
            if self._stopped():
                self.ended = True
                return

    def _stopped(self) -> bool:
        stop = self.decoding.stop
        return bool(stop) and self.decoding.cut(self.checkpoint.decode(self.ids)) is not None

    def completion(self) -> Completion:
        """The answer as it stands."""
        text = self.checkpoint.decode(self.ids)
        return Completion(
            text=text[: self.decoding.cut(text)],
            finish_reason="stop" if self.ended else "length",
            prompt_tokens=len(self.prompt),
            completion_tokens=len(self.ids),
        )
