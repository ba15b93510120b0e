"""A checkpoint as a LangChain LLM, loaded and asked about its tokens: `CheckpointLLM`."""

from __future__ import annotations

from typing import Any

from langchain_core.runnables.config import run_in_executor
from pydantic import ConfigDict, Field, PrivateAttr, field_validator
from typing_extensions import Self

from langchain_metaaligner.errors import SettingError, plain_validation
from langchain_metaaligner.models.checkpoint import Checkpoint, adopt, load
from langchain_metaaligner.models.editing_llm import EditingLLM
from langchain_metaaligner.models.spec import CheckpointSpec, read_metadata, resolve


class CheckpointLLM(EditingLLM):
    """What of an `AlignerLLM`, which describes all fields, is about its checkpoint."""

    model_config = ConfigDict(extra="forbid")

    model: str = "mini"
    revision: str | None = None
    device: str | None = None
    dtype: str | None = None
    device_map: str | dict[str, Any] | None = None
    quantization: str | None = None
    trust_remote_code: bool = False
    attn_implementation: str | None = None
    adopted: str | None = Field(default=None, repr=False)

    _checkpoint: Checkpoint | None = PrivateAttr(default=None)

    def __init__(self, **fields: Any) -> None:
        with plain_validation(type(self)):
            super().__init__(**fields)
        spec = self._spec()
        if spec.adopted is None:
            resolve(spec.model)

    @field_validator("dtype", mode="before")
    @classmethod
    def _name_dtype(cls, value: Any) -> Any:
        return None if value is None else str(value).removeprefix("torch.")

    @classmethod
    def from_pretrained(cls, model: str = "mini", **fields: Any) -> Self:
        """Make the LLM and read its weights at once.

        Args:
            model: "mini", a folder, or an id on the Hub.
            **fields: any other field of the class.

        Returns:
            The LLM, ready to run.

        Raises:
            CheckpointError: when the checkpoint does not exist, is broken, or is no decoder
                language model.
            MissingExtraError: when ``quantization`` is given and bitsandbytes is not installed.
            SettingError: when an option has a value that cannot work.
        """
        llm = cls(model=model, **fields)
        llm._checkpoint = load(llm._spec())
        return llm

    @classmethod
    def from_pipeline(cls, pipeline: Any, **fields: Any) -> Self:
        """Run the model of a text-generation pipeline that is in memory already.

        The pipeline's own generation is not used, nor are its options, except ``max_new_tokens``.
        The pipeline is not changed.

        Args:
            pipeline: a ``HuggingFacePipeline`` of langchain-huggingface, or one of transformers.
            **fields: fields of the class that are not about loading, such as ``stop``.

        Returns:
            The LLM. Unpickled in another process, it reads the model by its name.

        Raises:
            SettingError: when the pipeline is not for text generation.
            CheckpointError: when its model is no decoder language model.
        """
        inner = getattr(pipeline, "pipeline", pipeline)
        task = getattr(inner, "task", type(inner).__name__)
        if task != "text-generation":
            raise SettingError(
                f"A pipeline of the task {task!r} was given; only 'text-generation' can edit."
            )
        spec, checkpoint = adopt(inner.model, inner.tokenizer)
        options = getattr(pipeline, "pipeline_kwargs", None) or inner._forward_params
        if options.get("max_new_tokens") is not None:
            fields.setdefault("max_new_tokens", options["max_new_tokens"])
        llm = cls(model=spec.model, adopted=spec.adopted, **fields)
        llm._checkpoint = checkpoint
        return llm

    @property
    def context_length(self) -> int | None:
        """Tokens that prompt and edit may take together; None where there is no limit."""
        return self.checkpoint.context_length

    @property
    def trained_template(self) -> str | None:
        """Name of the edit template in the checkpoint's metadata, read without its weights."""
        if self._checkpoint is not None:
            return self._checkpoint.metadata.get("template")
        return read_metadata(self._spec()).get("template")

    @property
    def display_name(self) -> str:
        """The name of the model as it was given."""
        return self.model or "pipeline"

    def get_token_ids(self, text: str) -> list[int]:
        """The ids that the model sees for a prompt, beginning of sequence included.

        Args:
            text: the prompt.

        Returns:
            The ids; ``get_num_tokens`` is their number.
        """
        return self.checkpoint.encode([text])[0]

    def fits(self, prompt: str, answer: str) -> bool:
        """Whether a prompt, and an edit as long as the answer, stay within the context.

        Both texts are tokenised as decoding needs them, which then finds their ids.
        """
        limit, checkpoint = self.context_length, self.checkpoint
        if limit is None:
            return True
        tokens = len(checkpoint.encode([prompt])[0]) + len(checkpoint.encode_answer(answer))
        return tokens < limit  # the end of sequence takes one

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        private = {**(state["__pydantic_private__"] or {}), "_checkpoint": None}
        return {**state, "__pydantic_private__": private}

    def _spec(self) -> CheckpointSpec:
        return CheckpointSpec(
            model=self.model,
            revision=self.revision,
            device=self.device,
            dtype=self.dtype,
            device_map=self.device_map,
            quantization=self.quantization,
            trust_remote_code=self.trust_remote_code,
            attn_implementation=self.attn_implementation,
            adopted=self.adopted,
        )

    @property
    def checkpoint(self) -> Checkpoint:
        """The weights and the tokenizer, which are read at the first use."""
        if self._checkpoint is None:
            self._checkpoint = load(self._spec())
        return self._checkpoint

    async def _acheckpoint(self) -> Checkpoint:
        if self._checkpoint is not None:
            return self._checkpoint
        return await run_in_executor(None, lambda: self.checkpoint)
