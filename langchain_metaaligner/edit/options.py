"""What can be chosen about an aligner, and what it comes to for an edit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Literal

from langchain_core.runnables import Runnable
from pydantic import Field, InstanceOf, PrivateAttr, field_validator

from langchain_metaaligner.edit.checks import BoundCheck, Check, Preserved
from langchain_metaaligner.edit.contradictions import require_consistent
from langchain_metaaligner.edit.copies import Checked
from langchain_metaaligner.edit.editor import Editor
from langchain_metaaligner.edit.exchange import Keys
from langchain_metaaligner.edit.gate import RewardGate
from langchain_metaaligner.edit.need import BoundNeed, Need
from langchain_metaaligner.edit.paths import parse_path
from langchain_metaaligner.edit.places import Places
from langchain_metaaligner.edit.record import Level
from langchain_metaaligner.edit.resolved import (
    REFUSAL,
    EditOptions,
    OnFailure,
    OnMissingQuestion,
    Refusing,
    RetryBy,
)
from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.objectives import Objective, distinct_objectives
from langchain_metaaligner.templates import EditTemplate, template_for


class AlignerSettings(Checked):
    """The options of `MetaAlignerRunnable`, checked.

    Raises:
        ObjectiveError: if an objective is unknown, or none is given.
        TemplateError: if there is no such template.
        CheckpointError: if the model cannot be found.
        SettingError: if any other option cannot be used.
    """

    objectives: tuple[Objective, ...]
    """What the edit is to improve, in this order: names, ``"Name: description"``, `Objective`."""

    request_objectives: Literal["named", "any", "none"] | tuple[Objective, ...] = "named"
    """What a request may choose by ``configurable``: known objectives and those above by their
    names, also texts of its own ("any"), nothing ("none"), or the objectives in a list."""

    model: str = "mini"
    """A published checkpoint's Hub id, a folder, or ``"mini"``, the bundled one."""

    llm: Runnable[Any, Any] | None = None
    """A LangChain model to use instead; a ``HuggingFacePipeline`` is taken over."""

    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    """Options of `AlignerLLM` for ``model``: device, dtype, batch_size, max_new_tokens, ..."""

    caution: float | None = None
    """How sure ``model`` must be to change something, from 0 on; None goes by the checkpoint."""

    template: str | EditTemplate = "auto"
    """"HH-RLHF", "UltraFeedback" or "IMHI"; "auto" goes by the checkpoint."""

    on_failure: OnFailure = "original"
    """Whether the draft stands when an edit fails, `EditRejectedError` is raised, or ``refusal``
    stands in its place ("refuse")."""

    refusal: Refusing | None = None
    """What the user sees under ``on_failure="refuse"``: a text, or a function that makes one of the
    record, sync or async. By itself an apology in English."""

    on_missing_question: OnMissingQuestion = "original"
    """Whether the draft stands when its question cannot be known, or `MissingQuestionError` is
    raised."""

    fields: tuple[str, ...] = ()
    """The texts of structured answers that are edited, together: ``["advice", "steps[].text"]``."""

    preserve: tuple[Preserved, ...] = ()
    """What of the draft must survive: "code", "urls", "numbers", "citations"."""

    checks: tuple[Check, ...] = ()
    """Checks of your own, or of `langchain_metaaligner.checks`, sync or async:
    ``(draft, edit) -> reason`` for refusing, or None; see `Check`."""

    check_timeout: float | None = Field(default=60.0, gt=0)
    """The seconds that a check has; then the draft stands. None waits for it without end."""

    gate: InstanceOf[RewardGate] | None = None
    """A reward model that must find the edit better than the draft."""

    candidates: int = Field(default=1, ge=1)
    """Edits that are sampled for each answer, of which the gate keeps the best."""

    when: Need | None = None
    """Whether an answer is to be edited: ``(question, draft) -> bool``, sync or async; see `Need`.
    Of the others the draft stands (`not_needed`). By itself all are."""

    retries: int = Field(default=0, ge=0, strict=True)
    """How often a refused edit is tried again."""

    retry_by: RetryBy | None = None
    """How it is asked for then: by ``"sampling"``, with a seed, or with the objectives in another
    ``"order"``. None: in another order where there are several, else by sampling."""

    timeout: float | None = Field(default=None, gt=0, allow_inf_nan=False, strict=True)
    """Seconds that an edit may take, checks and gate included; then the draft stands (`timeout`)
    and its decoding stops. None: as long as it takes."""

    max_waiting: int | None = Field(default=None, ge=1, strict=True)
    """Answers that may be under way at the same time; beyond, the draft stands at once (`busy`)."""

    streaming: Literal["checked", "live"] = "checked"
    """Whether streams give the checked text at the end, or tokens as they are made, unchecked."""

    record: Level = "full"
    """How much of the record goes out with an answer: all ("full"), no text ("slim"), "none"."""

    record_key: str | None = None
    """The key under which the record stands beside an answer that is a string; a bare string
    becomes ``{"answer": ..., record_key: ...}``. Messages carry it in their metadata."""

    question_key: str | None = None
    """The key of the question in a dict, where it is not one of the usual ones."""

    answer_key: str | None = None
    """The key of the answer in a dict, where it is not one of the usual ones."""

    context_key: str | None = "context"
    """The key of retrieved texts in a dict, which go before the question; None leaves them out."""

    history_key: str | None = "chat_history"
    """The key of the turns before the question in a dict; None leaves them out."""

    _options: EditOptions | None = PrivateAttr(default=None)

    @field_validator("objectives", mode="before")
    @classmethod
    def _parse_objectives(cls, value: Any) -> tuple[Objective, ...]:
        return distinct_objectives(value)

    @field_validator("request_objectives", mode="before")
    @classmethod
    def _parse_request_objectives(cls, value: Any) -> Any:
        if isinstance(value, str):
            return value.strip().casefold()
        return distinct_objectives(value) if value is not None else value

    @field_validator("fields")
    @classmethod
    def _parse_fields(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for at, path in enumerate(value):
            parse_path(path)
            if path in value[:at]:
                raise SettingError(f"fields: {path!r} is named twice.")
        return value

    @field_validator("template")
    @classmethod
    def _name_template(cls, value: str | EditTemplate) -> str | EditTemplate:
        if isinstance(value, EditTemplate) or value.strip().casefold() == "auto":
            return value if isinstance(value, EditTemplate) else "auto"
        return EditTemplate.named(value).name

    @field_validator("llm", mode="before")
    @classmethod
    def _take_over(cls, value: Any) -> Any:
        if hasattr(value, "pipeline") or type(value).__module__.startswith("transformers."):
            from langchain_metaaligner.models.aligner import AlignerLLM

            return AlignerLLM.from_pipeline(value)
        if value is not None and not isinstance(value, Runnable):
            raise SettingError(
                f"llm is a {type(value).__name__}: {value!r:.100}. Give a LangChain model, or name "
                'a checkpoint with model="MetaAligner/...", a folder or "mini".'
            )
        return value

    def model_post_init(self, context: Any, /) -> None:
        """Find the checkpoint, so that a wrong name is an error here and not at the first call.

        On an event loop, which the import of torch would hold up, that is left to the first call.
        """
        super().model_post_init(context)
        if self.llm is None and not _on_an_event_loop():
            self._own_llm = self._built()
        require_consistent(self)
        for check in self.checks:
            BoundCheck.of(check)
        if self.when is not None:
            BoundNeed.of(self.when)
        self._renew()

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Objectives by their names, the model that edits, and what else was chosen."""
        yield "objectives", [objective.name for objective in self.objectives]
        yield ("model", self.model) if self.llm is None else ("llm", self.llm)
        for name, value in super().__repr_args__():
            if name not in ("objectives", "model", "llm") and value != {}:
                yield name, value

    def _built(self) -> Runnable[Any, Any]:
        from langchain_metaaligner.models.aligner import AlignerLLM

        dial = {} if self.caution is None else {"caution": self.caution}
        return AlignerLLM(model=self.model, **{**self.model_kwargs, **dial})

    @property
    def editor(self) -> Runnable[Any, Any]:
        """The model that edits."""
        if self.llm is not None:
            return self.llm
        if self._own_llm is None:
            self._own_llm = self._built()
        return self._own_llm

    @property
    def editor_name(self) -> str:
        """What records call the model that edits."""
        return self.options.editor.name

    @property
    def edit_template(self) -> EditTemplate:
        """The template in use."""
        return self.options.template

    @property
    def options(self) -> EditOptions:
        """What an edit goes by. Found out at the first use: "auto" may have to ask the Hub."""
        if self._options is None:
            self._options = self._found_out()
        return self._options

    def _found_out(self) -> EditOptions:
        editor = Editor(self.editor, self.candidates)
        template = self._template(editor)
        return EditOptions(
            editor=editor,
            template=template,
            objectives=self.objectives,
            aspects=template.aspects(self.objectives),
            keys=Keys(
                self.question_key,
                self.answer_key,
                self.context_key,
                self.history_key,
                self.record_key,
                self.record,
            ),
            fields=self.fields,
            preserve=self.preserve,
            checks=tuple(map(BoundCheck.of, self.checks)),
            check_timeout=self.check_timeout,
            gate=self.gate,
            candidates=self.candidates,
            on_failure=self.on_failure,
            refusal=self.refusal or REFUSAL,
            on_missing_question=self.on_missing_question,
            live=self.streaming == "live",
            when=None if self.when is None else BoundNeed.of(self.when),
            retries=self.retries,
            retry_by=self.retry_by or ("order" if len(self.objectives) > 1 else "sampling"),
            timeout=self.timeout,
            places=Places(self.max_waiting),
        )

    def _template(self, editor: Editor) -> EditTemplate:
        if isinstance(self.template, EditTemplate):
            return self.template
        if self.template != "auto":
            return EditTemplate.named(self.template)
        return template_for(editor.name, editor.trained_template)


def _on_an_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
