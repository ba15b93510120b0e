"""Whether an answer needs an edit at all: what ``when=`` asks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from langchain_core.runnables.config import run_in_executor

from langchain_metaaligner.edit.gate import Scores, scores_of
from langchain_metaaligner.edit.loop import Caller
from langchain_metaaligner.edit.plan import Edit
from langchain_metaaligner.errors import SettingError, nearest

Need = Callable[..., Any]
"""Whether an answer is to be edited, sync or async: gives True or False.

It takes the question and the draft: parameters called ``question``, ``draft`` and ``context`` (the
retrieved texts) get these, and without such names the first two are question and draft.
"""

FACTS = ("question", "draft", "context")


@dataclass(frozen=True)
class BoundNeed:
    """A predicate with what it takes, found out once."""

    function: Need
    facts: tuple[str, ...]

    @staticmethod
    def of(function: Need) -> BoundNeed:
        """The predicate, by its signature.

        Raises:
            SettingError: if it takes anything else than question, draft and context.
        """
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):  # some builtins have no signature
            return BoundNeed(function, FACTS[:2])
        names = [one.name for one in parameters if one.name in FACTS or one.default is one.empty]
        named = all(name in FACTS for name in names)
        keyword = any(one.kind is one.KEYWORD_ONLY for one in parameters if one.name in names)
        if not names or len(names) > len(FACTS) or ((keyword or len(names) != 2) and not named):
            raise SettingError(
                f"when= takes {inspect.signature(function)}. It takes the question and the draft, "
                f"and may take more by the names of its parameters: {', '.join(FACTS)}."
            )
        return BoundNeed(function, tuple(names) if named else ())

    async def says(self, edit: Edit, caller: Caller) -> bool:
        """Whether an answer is to be edited.

        Raises:
            TypeError: if it gives anything else than True or False.
        """
        facts = {"question": edit.question, "draft": edit.record.original, "context": edit.context}
        by_name = {name: facts[name] for name in self.facts}
        by_place = () if by_name else (facts["question"], facts["draft"])
        needed = await caller.call(partial(self.function, *by_place, **by_name))
        if type(needed).__name__ in ("bool", "bool_"):  # numpy's as well
            return bool(needed)
        raise TypeError(f"when= gave {needed!r:.200}. It gives True, to edit the answer, or False.")


class LongerThan:
    """A ``when=`` that leaves short answers as they are.

    >>> LongerThan(3)("How are you?", "Fine, thank you.")
    False

    Args:
        words: answers of so many words, or fewer, are not edited.
    """

    def __init__(self, words: int) -> None:
        if isinstance(words, bool) or not isinstance(words, int) or words < 1:
            raise SettingError(f"LongerThan takes a number of words, at least 1, not {words!r}.")
        self.words = words

    def __call__(self, question: str, draft: str) -> bool:
        """Whether a draft has more words."""
        return len(draft.split()) > self.words


class ScoredBelow:
    """A ``when=`` that asks a reward model or a classifier how good a draft is.

    A draft is edited where one of its scores is below the least that you ask for.

    Args:
        scorer: scores answers, as for a `RewardGate`: a reward model of
            `langchain_metaaligner.rewards`, or an object with ``score_all(pairs)``, sync or async.
        least: the least score on each objective that counts.
        longer_than: answers of so many words, or fewer, are not even scored; 0 scores all.

    >>> class Politeness:
    ...     def score_all(self, pairs):
    ...         return [{"polite": float("please" in answer)} for _, answer in pairs]
    >>> import asyncio
    >>> when = ScoredBelow(Politeness(), {"polite": 0.5})
    >>> asyncio.run(when("May I?", "No.")), asyncio.run(when("May I?", "Yes, please do."))
    (True, False)
    """

    def __init__(self, scorer: Scores, least: Mapping[str, float], *, longer_than: int = 0) -> None:
        if not callable(getattr(scorer, "score_all", None)):
            raise SettingError(
                f"The scorer of ScoredBelow is a {type(scorer).__name__} without score_all. Give a "
                "reward model of langchain_metaaligner.rewards, or an object with "
                "score_all(pairs) that gives a dict of scores for each (question, answer)."
            )
        if not least:
            raise SettingError('ScoredBelow needs the least score of an objective: {"fair": 0.5}.')
        self.scorer, self.least, self.longer_than = scorer, dict(least), longer_than

    async def __call__(self, question: str, draft: str) -> bool:
        """Whether a draft is long enough, and scored below the least on an objective."""
        if len(draft.split()) <= self.longer_than:
            return False
        scored = await run_in_executor(None, self.scorer.score_all, [(question, draft)])
        if inspect.isawaitable(scored):
            scored = await scored
        (scores,) = scores_of(scored, 1)
        for name, least in self.least.items():
            if name not in scores:
                raise SettingError(
                    f"ScoredBelow has a least score for {name!r}, which its scorer does not score."
                    f"{nearest(name, scores)} It scores: {', '.join(scores)}."
                )
            if not scores[name] >= least:  # also where it is no number
                return True
        return False
