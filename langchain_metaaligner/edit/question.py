"""Finds the prompt that led to an answer, by LangChain's own callbacks.

While an aligner lives, a callback handler notes which model calls ended below each running chain.
An aligner's own run then looks for the call that gave its input: in the run around it first, and
outwards from there. A message is known by the object or its id, a text by being the same.

Of several calls that fit, those of the last step of a sequence count, because each step feeds the
next. Elsewhere (parallel branches, graph nodes, code that calls models) calls that fit equally
well but had different prompts are ambiguous, and nothing is found.

A text that was changed on its way (``llm | clean_up | aligner``) is found in a sequence if half of
its words are the model's, elsewhere only if all are. A step that puts a wholly different text in
place of the model's breaks the trace, also where only one model was called: that model may have
routed or classified, and its prompt be no question at all.

There are no locks: the garbage collector may close an abandoned stream inside any of these
functions, and the end of the stream comes back here. Each step is one atomic operation instead.
"""

from __future__ import annotations

import re
import threading
import weakref
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import chain
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.outputs import LLMResult
from langchain_core.tracers.context import register_configure_hook

EDITING_TAG = "metaaligner:editing"
"""Marks the model runs of an aligner itself, whose prompts are no questions."""

_CALLS_PER_RUN = 256
_MESSAGES = 10_000
_RUNS = 100_000
_STRAYS = 1_000


def watch(owner: object) -> None:
    """Capture prompts from now on, for as long as ``owner`` lives."""
    global _hooked
    with _switch:
        if not _hooked:
            # LangGraph configures only its root run: the runs below inherit their handlers.
            register_configure_hook(_recorder_var, inheritable=True)
            _hooked = True
        if id(owner) not in _owners:
            _owners[id(owner)] = weakref.finalize(owner, _unwatch, id(owner))


def find(run_id: UUID | None, value: str | BaseMessage) -> list[BaseMessage] | None:
    """The messages that led to ``value``.

    Args:
        run_id: the run that asks, as its run manager tells.
        value: a model's reply, or a text made from one.

    Returns:
        The prompt of the chat model; for a text model one human message. None if it cannot be
        known for certain.
    """
    run = _recorder.runs.get(run_id) if run_id else None
    prompt = _recorder.prompt_of(value, run)
    if run is not None:
        run.prompt = prompt  # what this run makes of the value answers the same prompt
    return None if prompt is None else list(prompt)


def pending() -> dict[str, int]:
    """How many runs and messages are held at this moment."""
    return {"runs": len(_recorder.runs), "messages": len(_recorder.messages)}


_Prompt = Sequence[BaseMessage]


@dataclass(eq=False, slots=True)
class _Call:
    """A reply and what led to it; ``step`` is the place in a sequence from which it came."""

    prompt: _Prompt
    text: str
    message: weakref.ref[BaseMessage] | None = None
    message_id: str | None = None
    step: int | None = None


class _Run:
    """A chain or model run that has not ended yet.

    Attributes:
        parent: the run around it, if that was seen.
        root: the outermost run around it that had not ended when it began.
        step: its place in the parent, if that is a sequence.
        prompt: of a model run, its input; of an aligner's run, the prompt that was found.
        calls: the replies from runs below it that have ended.
        open: of a root, the runs below it that have not ended.
    """

    __slots__ = ("calls", "ended", "open", "parent", "prompt", "root", "step")

    def __init__(self, parent: _Run | None, step: int | None) -> None:
        self.ended = False
        self.parent = parent
        self.root: _Run = self if parent is None or parent.root.ended else parent.root
        self.step = step
        self.prompt: _Prompt | None = None
        self.calls: deque[_Call] = deque(maxlen=_CALLS_PER_RUN)
        self.open: set[UUID] = set()


class _Recorder(BaseCallbackHandler):
    run_inline = True

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.runs: OrderedDict[UUID, _Run] = OrderedDict()
        self.strays: deque[UUID] = deque()  # open runs of ended roots: some may never end
        # the prompt is None where one object was the reply to different prompts
        self.messages: OrderedDict[int, tuple[weakref.ref[BaseMessage], _Prompt | None]]
        self.messages = OrderedDict()

    @property
    def ignore_chain(self) -> bool:
        return not _owners

    ignore_llm = ignore_chat_model = ignore_chain

    def on_chain_start(self, serialized: Any, inputs: Any, **about: Any) -> None:
        self._start(**about)

    def on_chat_model_start(self, serialized: Any, messages: Any, **about: Any) -> None:
        if EDITING_TAG not in (about.get("tags") or ()):
            self._start(**about).prompt = tuple(messages[0])

    def on_llm_start(self, serialized: Any, prompts: Any, **about: Any) -> None:
        if EDITING_TAG not in (about.get("tags") or ()):
            self._start(**about).prompt = (HumanMessage(prompts[0]),)

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **about: Any) -> None:
        self._end(run_id, [outputs] if isinstance(outputs, str | BaseMessage) else ())

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **about: Any) -> None:
        replies = response.generations[0] if response.generations else ()
        self._end(run_id, [getattr(reply, "message", reply.text) for reply in replies])

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **about: Any) -> None:
        self._end(run_id)

    on_llm_error = on_chain_error

    def _start(self, run_id: UUID, parent_run_id: UUID | None = None, **about: Any) -> _Run:
        run = _Run(self._parent(parent_run_id), _sequence_step(about.get("tags") or ()))
        run.root.open.add(run_id)
        self.runs[run_id] = run
        if len(self.runs) > _RUNS:
            self.runs.popitem(last=False)
        return run

    def _parent(self, run_id: UUID | None) -> _Run | None:
        around = chain((run_id,), _traced_runs()) if run_id else ()
        return next(filter(None, map(self.runs.get, around)), None)

    def _end(self, run_id: UUID, replies: Sequence[str | BaseMessage] = ()) -> None:
        run = self.runs.pop(run_id, None)
        if run is None:
            return
        run.ended = True
        run.root.open.discard(run_id)
        self.strays.extend(run.open)
        while len(self.strays) > _STRAYS:
            self.runs.pop(self.strays.popleft(), None)
        if run.prompt is not None:
            run.calls.extend(self._call(run.prompt, reply) for reply in replies)
        if run.parent is not None:
            for call in run.calls:
                call.step = run.step
            run.parent.calls.extend(run.calls)

    def _call(self, prompt: _Prompt, reply: str | BaseMessage) -> _Call:
        if isinstance(reply, str):
            return _Call(prompt, reply)
        key, messages = id(reply), self.messages

        def gone(ref: weakref.ref[BaseMessage]) -> None:
            if messages.get(key, (None,))[0] is ref:
                messages.pop(key, None)

        known, its_prompt = messages.get(key, (None, None))
        ambiguous = known is not None and known() is reply and its_prompt != prompt
        ref = weakref.ref(reply, gone)
        messages[key] = (ref, None if ambiguous else prompt)
        if len(messages) > _MESSAGES:
            messages.popitem(last=False)
        return _Call(prompt, _text(reply), ref, reply.id)

    def prompt_of(self, value: str | BaseMessage, run: _Run | None) -> _Prompt | None:
        calls = _nearest(run, _same_object(value)) or _nearest(run, _same_id(value))
        known, prompt = self.messages.get(id(value), (None, None))
        if not calls and known is not None and known() is value and prompt is not None:
            return prompt
        calls = calls or _nearest(run, _same_text(value)) or _nearest(run, _same_words(value))
        return _agreed(calls)


_Fits = Callable[[_Call, bool], bool]
"""Whether a call gave a value; it is told whether the value came from the call by a sequence."""


def _same_object(value: str | BaseMessage) -> _Fits:
    return lambda call, _: call.message is not None and call.message() is value


def _same_id(value: str | BaseMessage) -> _Fits:
    own = getattr(value, "id", None)
    return lambda call, _: own is not None and call.message_id == own


def _same_text(value: str | BaseMessage) -> _Fits:
    text, own = _text(value), getattr(value, "id", None)
    return lambda call, in_sequence: (
        call.text == text and (in_sequence or None in (own, call.message_id))
    )


def _same_words(value: str | BaseMessage) -> _Fits:
    words, own = _words(_text(value)), getattr(value, "id", None)

    def fits(call: _Call, in_sequence: bool) -> bool:
        replied = _words(call.text)
        if in_sequence:
            return (words & replied).total() * 2 >= words.total() > 0
        return words == replied and bool(words) and None in (own, call.message_id)

    return fits


def _nearest(run: _Run | None, fits: _Fits) -> list[_Call]:
    """The calls that fit, from the innermost of the runs around ``run`` that has any."""
    while run is not None and run.parent is not None:
        stepped, run = run.step is not None, run.parent
        calls = run.calls.copy()
        if hits := [call for call in calls if fits(call, stepped and call.step is not None)]:
            return hits
    return []


def _agreed(calls: Sequence[_Call]) -> _Prompt | None:
    """The prompt of the calls, or of those from the last step of a sequence, if it is one."""
    prompts = [call.prompt for call in calls if calls[-1].step in (None, call.step)]
    return prompts[0] if prompts and all(prompt == prompts[0] for prompt in prompts) else None


def _text(value: str | BaseMessage) -> str:
    return value if isinstance(value, str) else str(value.text)


def _words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.casefold()))


def _sequence_step(tags: Sequence[str]) -> int | None:
    """The place of a run in its sequence, which LangChain tells by a tag."""
    return next((int(tag[9:]) for tag in tags if tag.startswith("seq:step:")), None)


def _traced_runs() -> Iterator[UUID]:
    """The runs around this code by LangSmith's count, innermost first.

    It alone knows what lies around a ``@traceable`` function, of which no handler hears.
    """
    from langsmith.run_helpers import get_current_run_tree

    tree = get_current_run_tree()
    order = tree.dotted_order if tree else ""
    yield from map(UUID, reversed(re.findall(r"[0-9a-f-]{36}(?=\.|$)", order)))


def _unwatch(key: int) -> None:
    with _switch:
        _owners.pop(key, None)
        if not _owners:
            _recorder.forget()


_owners: dict[int, Any] = {}
_switch = threading.RLock()  # the collector may call `_unwatch` inside `watch`
_hooked = False
_recorder = _Recorder()
_recorder_var: ContextVar[_Recorder | None] = ContextVar("metaaligner", default=_recorder)
