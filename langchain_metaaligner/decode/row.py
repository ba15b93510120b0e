"""One row of a batch: a prompt, its answer as far as it has come, and how it is decoded."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from langchain_metaaligner.decode.model import DecoderModel
from langchain_metaaligner.decode.options import require_known
from langchain_metaaligner.errors import SettingError

GUESSES = 256
"""Guesses that are looked at in one row, at most: as many as a long paragraph has tokens."""


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
        guesses: guesses that lookup decoding looks at in one row, at most; 0 for none.
        caution: how far below the best the logit of the draft's next token may be for it to be
            taken (`dial`); 0 is plain greedy decoding. Not where ``options`` sample.
        tenant: whose call it is. What was kept of a tenant's calls makes no other's faster.
        remember: keep what makes later calls faster: what was read of the prompt before its draft
            (`prefixes`), and what the edit writes on its own (`phrases`).
        seed: of what is drawn where ``options`` sample; None: whatever comes. The draws are the
            same again where the same rows are decoded together.

    Raises:
        SettingError: when an option is unknown, or is one that the fields above decide, when
            ``caution`` is no number from 0 on, and when ``max_new_tokens`` or ``stop`` would leave
            every answer empty.
    """

    max_new_tokens: int
    stop: tuple[str, ...] = ()
    batch_size: int = 8
    method: Literal["lookup", "greedy"] = "lookup"
    options: Mapping[str, Any] = field(default_factory=dict)
    guesses: int = GUESSES
    caution: float = 0.0
    tenant: str | None = None
    remember: bool = True
    seed: int | None = None

    def __post_init__(self) -> None:
        require_known(self.options)
        if self.max_new_tokens < 1:
            raise SettingError(f"max_new_tokens={self.max_new_tokens} was given; it is at least 1.")
        if not 0 <= self.caution < math.inf:
            raise SettingError(
                f"caution={self.caution} was given; it is a number from 0, which changes nothing, "
                "to about 10, with which hardly any draft is edited."
            )
        if "" in self.stop:
            raise SettingError("stop holds an empty text, which would end every answer at once.")

    @property
    def beams(self) -> int:
        """Rows that ``generate`` keeps for each answer."""
        return int(self.options.get("num_beams") or 1)

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
        ids: ids that the model made, without padding and the end of sequence.
    """

    text: str
    finish_reason: str
    prompt_tokens: int
    ids: tuple[int, ...] = ()

    @property
    def completion_tokens(self) -> int:
        """How many ids the model made, neither padding nor the end of sequence counted."""
        return len(self.ids)


class Claim:
    """Whether somebody still waits for an answer. Made in the thread that waits.

    When the interpreter ends, it waits for threads that are no daemons: what those wait for is
    finished, and everything else is left, so that no thread is inside torch when the process goes.
    """

    def __init__(self) -> None:
        self._waiter = threading.current_thread()
        self._cancelled = False
        self._notify: Callable[[], object] | None = None

    @property
    def lapsed(self) -> bool:
        """Whether nobody waits any more."""
        if self._cancelled:
            return True
        if threading.main_thread().is_alive():
            return False
        return self._waiter.daemon or not self._waiter.is_alive()

    def cancel(self) -> None:
        """Wait no longer."""
        self._cancelled = True
        notify = self._notify
        if notify is not None:
            notify()

    def upon_cancel(self, notify: Callable[[], object] | None) -> None:
        """Call ``notify`` once it is cancelled, at once where it already is; None: call nobody."""
        self._notify = notify
        if self._cancelled and notify is not None:
            notify()


class Row:
    """One prompt and its answer while it is being made.

    Args:
        text: the prompt.
        model: what decodes it.
        decoding: how to decode.
        draft: the text that the answer is expected to copy for the most part; None: not known.
        claim: who waits for it; by itself the thread that makes it.

    Attributes:
        text: the prompt.
        copied: the text that the answer is expected to copy; empty where it is not known.
        prompt: token ids of the prompt.
        draft: token ids that the answer would have that repeats the draft; empty without one.
        ids: token ids made so far, without the end of sequence.
        ended: whether an end of sequence or a stop text came.

    Raises:
        SettingError: when the prompt leaves no room in the model's context.
    """

    def __init__(
        self,
        text: str,
        model: DecoderModel,
        decoding: Decoding,
        draft: str | None = None,
        claim: Claim | None = None,
    ) -> None:
        self.text, self.copied = text, draft or ""
        self.model = model
        self.decoding = decoding
        self.claim = claim or Claim()
        self.prompt = model.encode([text])[0]
        self.draft = model.encode_answer(draft) if draft else []
        self.ids: list[int] = []
        self.ended = False
        if self.room <= 0:
            raise SettingError(
                f"The prompt has {len(self.prompt)} tokens and fills the context of "
                f"{model.name!r}, which is {model.context_length}. Shorten the prompt, "
                "or use a model with a longer context."
            )

    @property
    def tokens(self) -> list[int]:
        """All ids so far: the prompt's and the answer's."""
        return self.prompt + self.ids

    @property
    def room(self) -> int:
        """Ids that the answer may still take."""
        room = self.decoding.max_new_tokens - len(self.ids)
        context = self.model.context_length
        taken = len(self.prompt) + len(self.ids)
        return room if context is None else min(room, context - taken)

    @property
    def open(self) -> bool:
        """Whether the answer is not complete yet."""
        return not self.ended and self.room > 0

    def extend(self, new: Iterable[int]) -> None:
        """Take ids that the model made, up to the end of sequence or the first stop text."""
        stop = self.decoding.stop
        for token in new:
            if token in self.model.eos_ids:
                self.ended = True
                return
            self.ids.append(token)
            if stop and self.decoding.cut(self.model.decode(self.ids)) is not None:
                self.ended = True
                return

    def completion(self) -> Completion:
        """The answer as it stands."""
        text = self.model.decode(self.ids)
        return Completion(
            text=text[: self.decoding.cut(text)],
            finish_reason="stop" if self.ended else "length",
            prompt_tokens=len(self.prompt),
            ids=tuple(self.ids),
        )
