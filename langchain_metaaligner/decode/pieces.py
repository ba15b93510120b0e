"""One prompt, its answer in pieces as the model makes it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future

import torch
from transformers.generation.streamers import BaseStreamer

from langchain_metaaligner.decode.generate import PlainLoop, generate
from langchain_metaaligner.decode.model import DecoderModel
from langchain_metaaligner.decode.row import Claim, Completion, Decoding, Row
from langchain_metaaligner.decode.scheduler import loop_for, scheduler_for
from langchain_metaaligner.decode.sharing import Request

_BYTE_TOKEN = re.compile(r"<0x[0-9A-F]{2}>")

Sink = Callable[[str | Completion | BaseException], object]


def stream(
    model: DecoderModel,
    prompt: str,
    decoding: Decoding,
    sink: Sink,
    claim: Claim,
    shared: bool = True,
    draft: str | None = None,
) -> None:
    """Answer one prompt in another thread, handing over pieces of text as they are made.

    Together the pieces are the text that `complete.complete` gives. Beam search makes its text at
    the end, so that it comes in one piece.

    Args:
        model: what answers.
        prompt: the prompt.
        decoding: how to decode; ``batch_size`` has no meaning here.
        sink: called in that thread with every piece of text, and at last with the `Completion`, or
            with the exception that ended the stream.
        claim: the reader's; once it is cancelled, generation ends after the pass at hand.
        shared: whether the answer shares forward passes with other calls.
        draft: the text that the answer is expected to copy for the most part.

    Raises:
        SettingError: when the prompt leaves no room in the model's context.
    """
    row = Row(prompt, model, decoding, draft, claim)
    pieces = _Pieces(row, sink)
    if shared and not isinstance(loop_for(model, decoding), PlainLoop):
        request = Request([row], claim, lambda _: pieces.show())
        request.done.add_done_callback(pieces.close)
        model.shared.of(model, decoding).submit(request)
        return

    def run() -> None:
        done: Future[None] = Future()
        try:
            _decode(row, pieces)
        except BaseException as error:  # whatever ends this thread, the reader must hear of it
            done.set_exception(error)
        else:
            done.set_result(None)
        pieces.close(done)

    # No daemon, as the thread of shared batches: it ends soon after its reader is gone.
    threading.Thread(target=run, name="metaaligner-stream", daemon=False).start()


def _decode(row: Row, pieces: _Pieces) -> None:
    """Decode one row in passes of its own."""
    if isinstance(loop_for(row.model, row.decoding), PlainLoop):
        streamer = pieces if row.decoding.beams == 1 else None
        (made,) = generate([row], streamer)
        if streamer is None:
            row.extend(made)
        return
    scheduler = scheduler_for(row.model, row.decoding)
    scheduler.put([row])
    while scheduler.busy:
        if row.claim.lapsed:
            raise CancelledError
        for _, error in scheduler.turn():
            if error is not None:
                raise error
        pieces.show()


class _Pieces(BaseStreamer):
    """Turns ids into text that no later id can change, and hands it over."""

    def __init__(self, row: Row, sink: Sink) -> None:
        self._row = row
        self._sink = sink
        self._sent = 0
        self._prompt_seen = False
        self._special_ids = frozenset(row.model.tokenizer.all_special_ids)

    def put(self, value: torch.Tensor) -> None:
        """Take the ids of one step; those of the first step are the prompt's."""
        if not self._prompt_seen:
            self._prompt_seen = True
            return
        self._row.extend(value.flatten().tolist())
        self.show()

    def show(self) -> None:
        """Hand over what the answer has become."""
        text = self._row.model.decode(self._row.ids)
        if self._row.ended:
            self._send(text[: self._row.decoding.cut(text)])
        elif not self._may_change():
            self._send(text[: _settled(text, self._row.decoding.stop)])

    def end(self) -> None:
        """Hand over what was held back."""
        self._send(self._row.completion().text)

    def close(self, done: Future[None]) -> None:
        """Hand over the rest and the completion, or what ended the stream."""
        try:
            done.result()
            self.end()
            last: Completion | BaseException = self._row.completion()
        except BaseException as error:  # also a cancelled future: the reader must hear of it
            last = error
        self._sink(last)

    def _send(self, text: str) -> None:
        if len(text) > self._sent:
            self._sink(text[self._sent :])
            self._sent = len(text)

    def _may_change(self) -> bool:
        """Whether the text ends in bytes that later ones may join to a character."""
        shown = (token for token in reversed(self._row.ids) if token not in self._special_ids)
        last = next(shown, None)
        if last is None:
            return False
        token = self._row.model.tokenizer.convert_ids_to_tokens(last)
        return _BYTE_TOKEN.fullmatch(token) is not None


def _settled(text: str, stop: tuple[str, ...]) -> int:
    """Length of the text without a half character or the beginning of a stop text at its end."""
    text = text.rstrip("\ufffd")
    begun = (length for one in stop for length in range(1, len(one)) if text.endswith(one[:length]))
    return len(text) - max(begun, default=0)
