"""What can be chosen about an aligner: `AlignerSettings`."""

from __future__ import annotations

from typing import Any, Literal

from langchain_core.runnables import Runnable, RunnableSerializable
from pydantic import ConfigDict, Field, InstanceOf, PrivateAttr, field_validator

from langchain_metaaligner.edit.checks import Check, Preserved
from langchain_metaaligner.edit.gate import RewardGate
from langchain_metaaligner.errors import SettingError, plain_validation
from langchain_metaaligner.objectives import Objective, parse_objectives
from langchain_metaaligner.templates import EditTemplate, template_for


class AlignerSettings(RunnableSerializable[Any, Any]):
    """The options of `MetaAlignerRunnable`, checked, and the model and template they lead to.

    Raises:
        ObjectiveError: if an objective is unknown, or none is given.
        TemplateError: if there is no such template.
        CheckpointError: if the model cannot be found.
        SettingError: if any other option cannot be used.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid", protected_namespaces=())

    objectives: tuple[Objective, ...]
    """What the edit is to improve, in this order: names, ``"Name: description"``, `Objective`."""

    model: str = "mini"
    """A published checkpoint's Hub id, a folder, or ``"mini"``, the bundled one."""

    llm: Runnable[Any, Any] | None = None
    """A LangChain model to use instead; a ``HuggingFacePipeline`` is taken over."""

    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    """Options of `AlignerLLM` for ``model``: device, dtype, batch_size, max_new_tokens, ..."""

    template: str | EditTemplate = "auto"
    """"HH-RLHF", "UltraFeedback" or "IMHI"; "auto" goes by the checkpoint."""

    on_failure: Literal["original", "raise"] = "original"
    """Whether the draft stands when an edit fails, or `EditRejectedError` is raised."""

    preserve: tuple[Preserved, ...] = ()
    """What of the draft must survive: "code", "urls", "numbers", "citations"."""

    checks: tuple[Check, ...] = ()
    """Checks of your own: ``(draft, edit) -> reason`` for refusing the edit, or None."""

    gate: InstanceOf[RewardGate] | None = None
    """A reward model that must find the edit better than the draft."""

    candidates: int = Field(default=1, ge=1)
    """Edits that are sampled for each answer, of which the gate keeps the best."""

    streaming: Literal["checked", "live"] = "checked"
    """Whether streams give the checked text at the end, or tokens as they are made, unchecked."""

    question_key: str | None = None
    """The key of the question in a dict, where it is not one of the usual ones."""

    answer_key: str | None = None
    """The key of the answer in a dict, where it is not one of the usual ones."""

    context_key: str | None = "context"
    """The key of retrieved texts in a dict, which go before the question; None leaves them out."""

    _own_llm: Runnable[Any, Any] | None = PrivateAttr(default=None)

    def __init__(self, **options: Any) -> None:
        with plain_validation(type(self)):
            super().__init__(**options)

    @field_validator("objectives", mode="before")
    @classmethod
    def _parse_objectives(cls, value: Any) -> tuple[Objective, ...]:
        return parse_objectives(value)

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
        """Find the checkpoint, so that a wrong name is an error here and not at the first call."""
        super().model_post_init(context)
        if self.llm is None:
            from langchain_metaaligner.models.aligner import AlignerLLM

            self._own_llm = AlignerLLM(model=self.model, **self.model_kwargs)
        self._check_gate()

    def _check_gate(self) -> None:
        if self.gate is not None and self.streaming == "live":
            raise SettingError(
                'A gate needs the whole edit: streaming="live" would have shown it. Use "checked".'
            )
        if self.candidates == 1:
            return
        if self.gate is None:
            raise SettingError(
                f"candidates={self.candidates} needs a gate that chooses: gate=RewardGate(…)."
            )
        generation = getattr(self.editor, "generation", None)
        if isinstance(generation, dict) and not generation.get("do_sample"):
            raise SettingError(
                f"candidates={self.candidates} of a model that decodes greedily are all the same. "
                'Let it sample: model_kwargs={"generation": {"do_sample": True}}.'
            )

    @property
    def editor(self) -> Runnable[Any, Any]:
        """The model that edits."""
        editor = self.llm or self._own_llm
        assert editor is not None
        return editor

    @property
    def editor_name(self) -> str:
        """What records call the model that edits."""
        told = ("display_name", "model_name", "model", "model_id", "repo_id")
        names = (getattr(self.editor, name, None) for name in told)
        return next(
            (name for name in names if isinstance(name, str) and name), self.editor.get_name()
        )

    @property
    def edit_template(self) -> EditTemplate:
        """The template in use."""
        if isinstance(self.template, EditTemplate):
            return self.template
        if self.template != "auto":
            return EditTemplate.named(self.template)
        return template_for(self.editor_name, getattr(self.editor, "trained_template", None))
