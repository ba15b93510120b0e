"""Options that exclude each other, found when an aligner is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_metaaligner.edit.exchange import ANSWER_KEYS, QUESTION_KEYS
from langchain_metaaligner.errors import SettingError

if TYPE_CHECKING:
    from langchain_metaaligner.edit.options import AlignerSettings


def require_consistent(settings: AlignerSettings) -> None:
    """Refuse options that cannot work together.

    Raises:
        SettingError: with the two options and what to do.
    """
    if settings.llm is not None and settings.caution is not None:
        raise SettingError(
            f"caution={settings.caution} was given with llm=, but it is an option of this "
            "package's own models. Give it to them: llm=AlignerLLM(caution=…)."
        )
    if settings.gate is not None and settings.streaming == "live":
        raise SettingError(
            'A gate needs the whole edit: streaming="live" would have shown it. Use "checked".'
        )
    _require_refusable(settings)
    _require_retries(settings)
    _require_place_for_record(settings)
    if settings.candidates > 1:
        _require_different_candidates(settings)


def _require_refusable(settings: AlignerSettings) -> None:
    refusal = settings.refusal
    if refusal is not None and settings.on_failure != "refuse":
        raise SettingError(
            f"refusal= was given with on_failure={settings.on_failure!r}, under which nobody sees "
            'it. Add on_failure="refuse", or leave it out.'
        )
    if isinstance(refusal, str) and not refusal.strip():
        raise SettingError("refusal is a blank text. Say what the user is to see in its place.")
    if settings.on_failure == "refuse" and settings.when is not None:
        raise SettingError(
            'on_failure="refuse" lets no draft out that was not edited, and when= does. Leave one '
            "of the two out."
        )
    if settings.on_failure == "refuse" and settings.streaming == "live":
        raise SettingError(
            'on_failure="refuse" needs the whole edit: streaming="live" would have shown it before '
            'it is refused. Use "checked".'
        )


def _require_retries(settings: AlignerSettings) -> None:
    if settings.retry_by is not None and not settings.retries:
        raise SettingError(
            f"retry_by={settings.retry_by!r} was given without retries. Say how often a refused "
            "edit is tried again: retries=1."
        )
    if settings.retry_by == "order" and len(settings.objectives) < 2:
        raise SettingError(
            'retry_by="order" needs several objectives, whose order can change. Use "sampling".'
        )
    if settings.retries and settings.streaming == "live":
        raise SettingError(
            'retries= cannot take back what streaming="live" has shown. Use "checked".'
        )


def _require_place_for_record(settings: AlignerSettings) -> None:
    key = settings.record_key
    if key is None:
        return
    if settings.record == "none":
        raise SettingError(
            f'record_key={key!r} was given with record="none". Leave out one of them.'
        )
    taken = (settings.question_key, settings.answer_key, settings.context_key, settings.history_key)
    if not key.strip() or key in (*taken, *ANSWER_KEYS, *QUESTION_KEYS, "messages"):
        raise SettingError(
            f"record_key={key!r} is blank, or a key under which something else stands. Give one of "
            'its own, such as "alignment".'
        )


def _require_different_candidates(settings: AlignerSettings) -> None:
    number = settings.candidates
    if settings.gate is None:
        raise SettingError(f"candidates={number} needs a gate that chooses: gate=RewardGate(…).")
    own = settings.model_kwargs.get("generation") or {}
    generation = getattr(settings.llm, "generation", None) if settings.llm else own
    if isinstance(generation, dict) and not generation.get("do_sample"):
        raise SettingError(
            f"candidates={number} of a model that decodes greedily are all the same. "
            'Let it sample: model_kwargs={"generation": {"do_sample": True}}.'
        )
