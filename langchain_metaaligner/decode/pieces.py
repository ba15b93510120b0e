"""Generation over a `Checkpoint`: one prompt, its answer in pieces as the model makes it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import torch
from transformers import StoppingCriteria
from transformers.generation.streamers import BaseStreamer

from langchain_metaaligner.decode.answer import Answer, Completion, Decoding
from langchain_metaaligner.decode.generate import PlainLoop, generate
from langchain_metaaligner.decode.scheduler import loop_for, scheduler_for
from langchain_metaaligner.decode.sharing import Request, batches_of
from langchain_metaaligner.models.checkpoint import Checkpoint

_BYTE_TOKEN = re.compile(r"<0x[0-9A-F]{2}>")


def stream(
    checkpoint: Checkpoint,
    prompt: str,
    decoding: Decoding,
    sink: Callable[[str | Completion | BaseException], object],
    shared: bool = True,
) -> threading.Event:
    """Answer one prompt in a thread of its own, handing over pieces of text as they are made.

    Together the pieces are the text that `generation.complete` gives.

    Args:
        checkpoint: the model.
        prompt: the prompt.
        decoding: how to decode; ``batch_size`` has no meaning here.
        sink: called in that thread with every piece of text, and at last with the `Completion`, or
            with the exception that ended the stream.
        shared: whether the answer shares forward passes with other calls.

    Returns:
        An event: once it is set, generation ends after the pass at hand.
    """
    cancelled = threading.Event()

    def run() -> None:
        try:
            answer = Answer(prompt, checkpoint, decoding)
            pieces = _Pieces(answer, sink)
            if isinstance(loop_for(checkpoint, decoding), PlainLoop):
                generate([answer], [_Cancelled(cancelled)], pieces)
            elif shared:
                request = Request([answer], lambda _: pieces.show(), cancelled)
                batches_of(checkpoint, decoding).submit(request).result()
            else:
                _decode(answer, pieces, cancelled)
            pieces.end()
            sink(answer.completion())
        except BaseException as error:  # whatever ends this thread, the reader must hear of it
            sink(error)

    threading.Thread(target=run, name="metaaligner-stream", daemon=True).start()
    return cancelled


def _decode(answer: Answer, pieces: _Pieces, cancelled: threading.Event) -> None:
    """Decode one answer in passes of its own."""
    scheduler = scheduler_for(answer.checkpoint, answer.decoding)
    scheduler.put([answer])
    while scheduler.busy and not cancelled.is_set():
        for _, error in scheduler.turn():
            if error is not None:
                raise error
        pieces.show()


class _Pieces(BaseStreamer):
    """Turns ids into text that no later id can change, and hands it over."""

    def __init__(self, answer: Answer, sink: Callable[[str], object]) -> None:
        self.answer = answer
        self.sink = sink
        self.sent = 0
        self.prompt_seen = False
        self.special_ids = frozenset(answer.checkpoint.tokenizer.all_special_ids)

    def put(self, value: torch.Tensor) -> None:
        """Take the ids of one step; those of the first step are the prompt's."""
        if not self.prompt_seen:
            self.prompt_seen = True
            return
        self.answer.extend(value.flatten().tolist())
        self.show()

    def show(self) -> None:
        """Hand over what the answer has become."""
        text = self.answer.checkpoint.decode(self.answer.ids)
        if self.answer.ended:
            self._send(text[: self.answer.decoding.cut(text)])
        elif not self._may_change():
            self._send(text[: _settled(text, self.answer.decoding.stop)])

    def end(self) -> None:
        """Hand over what was held back."""
        self._send(self.answer.completion().text)

    def _send(self, text: str) -> None:
        if len(text) > self.sent:
            self.sink(text[self.sent :])
            self.sent = len(text)

    def _may_change(self) -> bool:
        """Whether the text ends in bytes that later ones may join to a character."""
        shown = (token for token in reversed(self.answer.ids) if token not in self.special_ids)
        last = next(shown, None)
        if last is None:
            return False
        token = self.answer.checkpoint.tokenizer.convert_ids_to_tokens(last)
        return _BYTE_TOKEN.fullmatch(token) is not None


def _settled(text: str, stop: tuple[str, ...]) -> int:
    """Length of the text without a half character or the beginning of a stop text at its end."""
    text = text.rstrip("\ufffd")
    begun = (length for one in stop for length in range(1, len(one)) if text.endswith(one[:length]))
    return len(text) - max(begun, default=0)


class _Cancelled(StoppingCriteria):
    """Ends the generation once its event is set."""

    def __init__(self, event: threading.Event) -> None:
        self.event = event

    def __call__(
        self, input_ids: torch.Tensor, scores: tuple[torch.Tensor] | None, **kwargs: Any
    ) -> Any:
        return torch.full((len(input_ids),), self.event.is_set(), device=input_ids.device)
