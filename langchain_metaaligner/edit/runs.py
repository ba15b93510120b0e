"""What runs around an answer: the chains and models under way, by LangChain's own callbacks.

While an aligner lives, a handler notes for every chain that runs which model calls have ended below
it, and what each step of a sequence took and gave. An example, ``prompt | model | aligner``::

    start chain   RunnableSequence                run A, input {"q": "Why?"}
    start chain     ChatPromptTemplate            below A, tag "seq:step:1"
    end chain       ChatPromptTemplate            A.steps[1] = ({"q": "Why?"}, ChatPromptValue)
    start model     model                         below A, tag "seq:step:2", prompt [Human("Why?")]
    end model       model                         A.calls = [Call([Human("Why?")], "So.", step=2)]
    start chain     MetaAlignerRunnable           below A: looks into A.calls for the call that
                                                  gave its input "So."
    end chain       RunnableSequence              A goes, and all that it held

The handler changes nothing for others. It hears the events of the async manager in the loop's own
thread and in order without being ``run_inline``: see `in_order`.

There are no locks: the garbage collector may close an abandoned stream inside any of these
functions, and the end of the stream comes back here. Each step is one atomic operation instead.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict, deque
from collections.abc import Sequence
from contextvars import ContextVar
from itertools import chain
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.outputs import LLMResult
from langchain_core.tracers.context import register_configure_hook

from langchain_metaaligner.edit.calls import (
    Call,
    Prompt,
    Run,
    as_prompt,
    in_arguments,
    readable,
    sequence_step,
    step_input,
    traced_runs,
)
from langchain_metaaligner.edit.in_order import in_order

EDITING_TAG = "metaaligner:editing"
"""Marks the model runs of an aligner itself, whose prompts are no questions."""

MESSAGES = 10_000
"""Replies that are remembered outside of runs, for as long as their message objects live."""

RUNS = 100_000
"""Runs that may be open at a time; beyond, the oldest is forgotten."""

STRAYS = 1_000
"""Open runs of ended roots that are remembered: some will never end."""


def watch(owner: object) -> None:
    """Note what runs from now on, for as long as ``owner`` lives."""
    global _hooked
    with _switch:
        if not _hooked:
            # LangGraph configures only its root run: the runs below inherit their handlers.
            register_configure_hook(_recorder_var, inheritable=True)
            _hooked = True
        if id(owner) not in _owners:
            _owners[id(owner)] = weakref.finalize(owner, _unwatch, id(owner))


def pending() -> dict[str, int]:
    """How many runs and messages are remembered at this moment."""
    return {"runs": len(recorder.runs), "messages": len(recorder.messages)}


class Recorder(BaseCallbackHandler):
    """Notes runs and model calls."""

    ignore_retry = ignore_custom_event = True

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget everything."""
        self.runs: OrderedDict[UUID, Run] = OrderedDict()
        self.strays: deque[UUID] = deque()
        # the prompt is None where one object was the reply to different prompts
        self.messages: OrderedDict[int, tuple[weakref.ref[BaseMessage], Prompt | None]]
        self.messages = OrderedDict()

    @property
    def ignore_chain(self) -> bool:
        """Whether nobody wants to know."""
        return not _owners

    ignore_llm = ignore_chat_model = ignore_agent = ignore_retriever = ignore_chain

    @in_order
    def on_chain_start(self, serialized: Any, inputs: Any, **about: Any) -> None:
        """Note a chain."""
        run = self._start(**about)
        run.input = inputs
        node = (about.get("metadata") or {}).get("langgraph_node")
        run.is_node = node is not None and node == about.get("name")

    @in_order
    def on_chat_model_start(self, serialized: Any, messages: Any, **about: Any) -> None:
        """Note a chat model and its prompt."""
        if EDITING_TAG not in (about.get("tags") or ()):
            self._start(**about).prompt = tuple(messages[0])

    @in_order
    def on_llm_start(self, serialized: Any, prompts: Any, **about: Any) -> None:
        """Note a text model and its prompt."""
        if EDITING_TAG not in (about.get("tags") or ()):
            self._start(**about).prompt = (HumanMessage(prompts[0]),)

    @in_order
    def on_chain_end(self, outputs: Any, *, run_id: UUID, **about: Any) -> None:
        """Note what a chain gave."""
        run = self.runs.get(run_id)
        if run is None:
            return
        taken = about.get("inputs", run.input)  # in a stream, what came in is told at the end
        self._end(run_id, [outputs] if isinstance(outputs, str | BaseMessage) else ())
        if run.step is not None and run.parent is not None:
            run.parent.steps[run.step] = (readable(taken), readable(outputs))
            run.parent.last = (run.step, outputs)

    @in_order
    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **about: Any) -> None:
        """Note what a model replied."""
        generations = response.generations[0] if response.generations else ()
        replies = [getattr(reply, "message", reply.text) for reply in generations]
        if run_id in self.runs:
            self._end(run_id, replies)
        elif EDITING_TAG not in (about.get("tags") or ()):
            self._unheard(replies, **about)

    @in_order
    def on_chain_error(self, error: BaseException, *, run_id: UUID, **about: Any) -> None:
        """Note that a run has ended without a reply."""
        self._end(run_id)

    @in_order
    def on_llm_error(self, error: BaseException, *, run_id: UUID, **about: Any) -> None:
        """Note that a model has failed."""
        self._end(run_id)

    @in_order
    def on_tool_start(self, serialized: Any, input_str: str, **about: Any) -> None:
        """Note a tool or a retriever."""
        self._start(**about)

    on_retriever_start = on_tool_start

    @in_order
    def on_tool_end(self, output: Any, *, run_id: UUID, **about: Any) -> None:
        """Note that one has ended. What models wrote in it is its own affair, and no answer."""
        run = self.runs.get(run_id)
        if run is None:
            return
        run.calls.clear()
        self._end(run_id)
        if run.step is not None and run.parent is not None:
            run.parent.steps[run.step] = (None, None)

    on_retriever_end = on_tool_error = on_retriever_error = on_tool_end

    @in_order
    def on_llm_new_token(self, *args: Any, **about: Any) -> None:
        """Nothing, and no thread for it."""

    @in_order
    def on_stream_event(self, *args: Any, **about: Any) -> None:
        """Nothing, and no thread for it."""

    def _start(self, run_id: UUID, parent_run_id: UUID | None = None, **about: Any) -> Run:
        run = Run(self._parent(parent_run_id), sequence_step(about.get("tags") or ()))
        run.root.open.add(run_id)
        self.runs[run_id] = run
        if len(self.runs) > RUNS:
            self.runs.popitem(last=False)
        return run

    def _parent(self, run_id: UUID | None) -> Run | None:
        around = chain((run_id,), traced_runs()) if run_id else ()
        return next(filter(None, map(self.runs.get, around)), None)

    def _end(self, run_id: UUID, replies: Sequence[str | BaseMessage] = ()) -> None:
        run = self.runs.pop(run_id, None)
        if run is None:
            return
        run.ended = True
        run.root.open.discard(run_id)
        self.strays.extend(run.open)
        while len(self.strays) > STRAYS:
            self.runs.pop(self.strays.popleft(), None)
        if run.prompt is not None:
            run.calls.extend(self._call(run.prompt, reply) for reply in replies)
        if run.parent is not None:
            for call in run.calls:
                call.step = run.step
            run.parent.calls.extend(run.calls)

    def _unheard(
        self, replies: Sequence[str | BaseMessage], parent_run_id: UUID | None = None, **about: Any
    ) -> None:
        """A reply of a text model whose start LangChain told to nobody but inline handlers."""
        parent, step = self._parent(parent_run_id), sequence_step(about.get("tags") or ())
        if parent is None:
            return
        known = step is not None and not parent.is_node
        prompt = as_prompt(step_input(parent, step)) if known and step else None
        for text in replies:
            if isinstance(text, str):
                parent.calls.append(Call(prompt, text, step=step))

    def _call(self, prompt: Prompt, reply: str | BaseMessage) -> Call:
        if isinstance(reply, str):
            return Call(prompt, reply)
        key, messages = id(reply), self.messages

        def gone(ref: weakref.ref[BaseMessage]) -> None:
            if messages.get(key, (None,))[0] is ref:
                messages.pop(key, None)

        known, its_prompt = messages.get(key, (None, None))
        ambiguous = known is not None and known() is reply and its_prompt != prompt
        ref = weakref.ref(reply, gone)
        messages[key] = (ref, None if ambiguous else prompt)
        if len(messages) > MESSAGES:
            messages.popitem(last=False)
        return Call(prompt, str(reply.text) or in_arguments(reply), ref, reply.id)


def _unwatch(key: int) -> None:
    with _switch:
        _owners.pop(key, None)
        if not _owners:
            recorder.forget()


_owners: dict[int, Any] = {}
_switch = threading.RLock()  # the collector may call `_unwatch` inside `watch`
_hooked = False
recorder = Recorder()
_recorder_var: ContextVar[Recorder | None] = ContextVar("metaaligner", default=recorder)
