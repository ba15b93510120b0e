"""Finds the prompt that led to an answer, among the model calls that were seen around it.

An aligner's own run looks for the call that gave its input: in the run around it first, and
outwards from there (`langchain_metaaligner.edit.runs` has an example). A message is known by the
object or its id, a text by being the same.

Of several calls that fit, those of the last step of a sequence count, because each step feeds the
next. Elsewhere (parallel branches, graph nodes, code that calls models) calls that fit equally
well but had different prompts are ambiguous, and nothing is found.

A text that was changed on its way (``llm | clean_up | aligner``) is found in a sequence if half of
its words are the model's, elsewhere only if all are. A step that puts a wholly different text in
place of the model's breaks the trace, also where only one model was called: that model may have
routed or classified, and its prompt be no question at all.

Text models fire no callbacks for a reply from LangChain's cache (langchain#9537). Such a call is a
step of a sequence that nothing was heard of: what the step before it gave is then the prompt, where
nothing else can have been there (`_by_silent_step`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from langchain_core.globals import get_llm_cache
from langchain_core.messages import BaseMessage
from langchain_core.prompt_values import PromptValue

from langchain_metaaligner.edit.calls import Call, Prompt, Run, as_prompt, step_input
from langchain_metaaligner.edit.runs import EDITING_TAG, pending, recorder, watch

__all__ = ["EDITING_TAG", "find", "given_before", "pending", "watch"]


def find(run_id: UUID | None, value: str | BaseMessage) -> list[BaseMessage] | None:
    """The messages that led to ``value``.

    Args:
        run_id: the run that asks, as its run manager tells.
        value: a model's reply, or a text made from one.

    Returns:
        The prompt of the chat model; for a text model one human message. None if it cannot be
        known for certain.
    """
    run = recorder.runs.get(run_id) if run_id else None
    prompt = _prompt_of(value, run)
    if run is not None:
        run.prompt = prompt  # what this run makes of the value answers the same prompt
    return None if prompt is None else list(prompt)


def given_before(run_id: UUID | None) -> Any:
    """What the step before a run's own gave as a whole, in the sequence around it.

    A graph in a sequence streams the updates of its nodes; this is its state at the end.

    Returns:
        None where the run is no step, or nothing was heard of the one before.
    """
    run = recorder.runs.get(run_id) if run_id else None
    if run is None or run.parent is None or run.step is None:
        return None
    step, output = run.parent.last
    return output if step == run.step - 1 else None


def _prompt_of(value: str | BaseMessage, run: Run | None) -> Prompt | None:
    calls = _nearest(run, _same_object(value)) or _nearest(run, _same_id(value))
    known, prompt = recorder.messages.get(id(value), (None, None))
    if not calls and known is not None and known() is value and prompt is not None:
        return prompt
    if not calls and (prompt := _by_silent_step(value, run)):
        return prompt
    calls = calls or _nearest(run, _same_text(value)) or _nearest(run, _same_words(value))
    return _agreed(calls)


def _by_silent_step(value: str | BaseMessage, run: Run | None) -> Prompt | None:
    """What was given to the step that made a text, if that step fires no callbacks.

    It was a model if it took a prompt value, which nothing but models take. If it took a text or
    messages it was one where LangChain's cache is on and no other model was heard in the sequence.
    """
    while run and run.parent and run.step is None and _is_same_text(run.parent.input, value):
        run = run.parent  # around an aligner that is retried, or called by code
    sequence = run.parent if run else None
    if run is None or sequence is None or run.step is None or sequence.is_node:
        return None
    heard = {call.step for call in sequence.calls}
    step = run.step - 1
    while step in sequence.steps and step not in heard:
        taken, made = sequence.steps[step]
        texts = _is_text(taken) and _is_text(made)
        if not texts or not _half_of(_words(_text(made)), _words(_text(taken))):
            return None  # this step made the text, or took it from somewhere else
        step -= 1
    if step < 1 or step in heard:
        return None
    prompt = step_input(sequence, step)
    if isinstance(prompt, PromptValue) or (get_llm_cache() is not None and not heard):
        return as_prompt(prompt)
    return None


_Fits = Callable[[Call, bool], bool]
"""Whether a call gave a value, by whether the value came from the call by a sequence."""


def _same_object(value: str | BaseMessage) -> _Fits:
    return lambda call, _: call.message is not None and call.message() is value


def _same_id(value: str | BaseMessage) -> _Fits:
    own = getattr(value, "id", None)
    return lambda call, _: own is not None and call.message_id == own


def _same_text(value: str | BaseMessage) -> _Fits:
    text, own = _text(value), getattr(value, "id", None)
    return lambda call, in_sequence: call.text == text and (in_sequence or _still_open(call, own))


def _same_words(value: str | BaseMessage) -> _Fits:
    words, own = _words(_text(value)), getattr(value, "id", None)

    def fits(call: Call, in_sequence: bool) -> bool:
        replied = _words(call.text)
        if in_sequence:
            return _half_of(words, replied)
        return words == replied and bool(words) and _still_open(call, own)

    return fits


def _still_open(call: Call, own_id: str | None) -> bool:
    """Whether a call outside of the sequence can have given a text or message that looks the same.

    With LangChain's cache on, a text model may have given the text again, for another prompt and
    unheard. So a call counts for one answer there, and not for the next one.
    """
    if call.message is None and call.answered and get_llm_cache() is not None:
        return False
    return None in (own_id, call.message_id)


def _nearest(run: Run | None, fits: _Fits) -> list[Call]:
    """The calls that fit, from the innermost of the runs around ``run`` that has any."""
    while run is not None and run.parent is not None:
        stepped, run = run.step is not None, run.parent
        calls = run.calls.copy()
        if hits := [call for call in calls if fits(call, stepped and call.step is not None)]:
            return hits
    return []


def _agreed(calls: Sequence[Call]) -> Prompt | None:
    """The prompt of the calls, or of those from the last step of a sequence, if it is one."""
    last = [call for call in calls if calls[-1].step in (None, call.step)]
    if not last or any(call.prompt != last[0].prompt for call in last):
        return None
    for call in last:
        call.answered = True
    return last[0].prompt


def _is_same_text(value: Any, other: str | BaseMessage) -> bool:
    return _is_text(value) and _text(value) == _text(other)


def _is_text(value: Any) -> bool:
    return isinstance(value, str | BaseMessage)


def _text(value: str | BaseMessage) -> str:
    return value if isinstance(value, str) else str(value.text)


def _words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.casefold()))


def _half_of(words: Counter[str], others: Counter[str]) -> bool:
    """Whether at least half of the words are among the others."""
    return (words & others).total() * 2 >= words.total() > 0
