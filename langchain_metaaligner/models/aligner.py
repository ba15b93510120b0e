"""A checkpoint as a LangChain LLM: `AlignerLLM`."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.outputs import Generation, GenerationChunk, LLMResult
from langchain_core.runnables.config import run_in_executor
from pydantic import ConfigDict, Field, PrivateAttr, field_validator
from typing_extensions import Self

from langchain_metaaligner.decode.options import require_working
from langchain_metaaligner.decode.pieces import stream
from langchain_metaaligner.decode.row import Claim, Completion, Decoding
from langchain_metaaligner.decode.sharing import acomplete, complete
from langchain_metaaligner.errors import SettingError, plain_validation
from langchain_metaaligner.models.checkpoint import Checkpoint, adopt, load
from langchain_metaaligner.models.editing_llm import EditingLLM
from langchain_metaaligner.models.spec import CheckpointSpec, read_metadata, resolve
from langchain_metaaligner.weights.device import best_device


class AlignerLLM(EditingLLM):
    """A MetaAligner checkpoint, run on this machine.

    Weights are read at the first use and shared by all runnables that name the same checkpoint.
    Decoding is greedy unless ``generation`` says otherwise, and an answer ends at the end of
    sequence, at a stop text, or when it runs out of room: never before.

    Attributes:
        model: "mini", a folder in the layout of the Hugging Face Hub, or an id on the Hub.
        revision: branch, tag or commit on the Hub.
        device: "cuda", "cuda:1", "mps", "cpu", …; None takes the first of these that is there.
        dtype: "bfloat16", "float16" or "float32", or such a ``torch.dtype``, which is kept by name;
            None is bfloat16 on CUDA and float32 elsewhere.
        device_map: accelerate's map of layers to devices: "auto", or a mapping. Excludes
            ``device``.
        quantization: "8bit" or "4bit"; needs the extra of that name.
        trust_remote_code: run the Python code that the checkpoint brings along; of a Hub id only at
            a ``revision`` that is named.
        attn_implementation: how attention is computed where ``generate`` decodes: "sdpa", "eager",
            "flash_attention_2", …; None is transformers' choice. Lookup decoding has its own.
        batch_size: prompts in one forward pass, at least 1.
        max_new_tokens: tokens that an answer may take, at least 1. Prompt and answer together never
            exceed the model's context.
        stop: texts that end an answer; it is cut before the first of them.
        generation: further options of transformers' ``GenerationConfig``, such as
            ``{"do_sample": True, "temperature": 0.7}``. Those in a checkpoint do not apply.
        decoding: "lookup" takes guesses from the draft answer and verifies several in one forward
            pass; "greedy" makes token after token. The tokens are the same. Sampling, and models
            that are no plain Llama, Mistral, Qwen or Gemma, are decoded by ``generate`` anyway.
        caution: how sure the model must be to depart from the draft, from 0 on: the token that the
            draft would go on with is taken if its logit is within so much of the best. More of it
            repairs and damages less. None takes the checkpoint's own (``caution`` in its
            ``metaaligner.json``), else 0. It has no effect without a ``draft=`` in the call, which
            `MetaAlignerRunnable` gives, nor where ``generation`` samples.
        share_batches: let calls that come at the same time share forward passes.
        adopted: key of weights taken over by `from_pipeline` in this process.

    Raises:
        CheckpointError: when the folder does not exist, or holds no config or no weights.
        SettingError: when an option has a value that cannot work.
    """

    model_config = ConfigDict(extra="forbid")

    model: str = "mini"
    revision: str | None = None
    device: str | None = None
    dtype: str | None = None
    device_map: str | dict[str, Any] | None = None
    quantization: str | None = None
    trust_remote_code: bool = False
    attn_implementation: str | None = None
    batch_size: int = Field(default=8, ge=1)
    max_new_tokens: int = Field(default=1024, ge=1)
    stop: list[str] | None = None
    generation: dict[str, Any] = Field(default_factory=dict)
    decoding: Literal["lookup", "greedy"] = "lookup"
    caution: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    share_batches: bool = True
    adopted: str | None = Field(default=None, repr=False)

    _checkpoint: Checkpoint | None = PrivateAttr(default=None)

    def __init__(self, **fields: Any) -> None:
        with plain_validation(type(self)):
            super().__init__(**fields)
        self._decoding(None, {})
        spec = self._spec()
        if spec.adopted is None:
            resolve(spec.model)

    @field_validator("dtype", mode="before")
    @classmethod
    def _name_dtype(cls, value: Any) -> Any:
        return None if value is None else str(value).removeprefix("torch.")

    @classmethod
    def from_pretrained(cls, model: str = "mini", **fields: Any) -> Self:
        """Make an `AlignerLLM` and read its weights at once.

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

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """True: the fields are written, the weights never are."""
        return True

    @classmethod
    def get_lc_namespace(cls) -> list[str]:
        """Where LangChain finds the class again."""
        return ["langchain_metaaligner", "models", "aligner"]

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

    @property
    def _llm_type(self) -> str:
        return "metaaligner"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        names = ("model", "revision", "device", "dtype", "device_map", "quantization", "adopted")
        return {
            **{name: getattr(self, name) for name in names},
            "max_new_tokens": self.max_new_tokens,
            "stop": self.stop,
            "generation": self.generation,
            "caution": self.caution,
        }

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

    def _decoding(self, stop: list[str] | None, options: dict[str, Any]) -> Decoding:
        options = {**self.generation, **options}
        decoding = Decoding(
            max_new_tokens=options.pop("max_new_tokens", self.max_new_tokens),
            stop=tuple(self.stop or ()) + tuple(stop or ()),
            batch_size=self.batch_size,
            method=self.decoding,
            options=options,
            caution=self.caution or 0.0,
        )
        require_working(options, self.device or best_device())
        return decoding

    def _cautious(self, decoding: Decoding, checkpoint: Checkpoint) -> Decoding:
        """The decoding with the checkpoint's own caution, where none was chosen."""
        return replace(decoding, caution=checkpoint.caution) if self.caution is None else decoding

    def _generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        draft: str | None = None,
        drafts: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        checkpoint = self.checkpoint
        decoding = self._cautious(self._decoding(stop, kwargs), checkpoint)
        known = drafts or _alike(prompts, draft)
        return self._result(complete(checkpoint, prompts, decoding, self.share_batches, known))

    async def _agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        draft: str | None = None,
        drafts: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        decoding = self._decoding(stop, kwargs)
        known = drafts or _alike(prompts, draft)
        checkpoint = await self._acheckpoint()
        decoding = self._cautious(decoding, checkpoint)
        return self._result(
            await acomplete(checkpoint, prompts, decoding, self.share_batches, known)
        )

    async def _acheckpoint(self) -> Checkpoint:
        if self._checkpoint is not None:
            return self._checkpoint
        return await run_in_executor(None, lambda: self.checkpoint)

    def _result(self, completions: list[Completion]) -> LLMResult:
        prompt_tokens = sum(one.prompt_tokens for one in completions)
        completion_tokens = sum(one.completion_tokens for one in completions)
        return LLMResult(
            generations=[
                [Generation(text=one.text, generation_info=_info(one))] for one in completions
            ],
            llm_output={
                "model_name": self.display_name,
                "token_usage": {
                    "prompt_tokens": prompt_tokens,
                    "completion_tokens": completion_tokens,
                    "total_tokens": prompt_tokens + completion_tokens,
                },
            },
        )

    def _stream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        draft: str | None = None,
        **kwargs: Any,
    ) -> Iterator[GenerationChunk]:
        decoding, claim = self._decoding(stop, kwargs), Claim()
        items: queue.SimpleQueue[str | Completion | BaseException] = queue.SimpleQueue()
        try:
            checkpoint = self.checkpoint
            decoding = self._cautious(decoding, checkpoint)
            stream(checkpoint, prompt, decoding, items.put, claim, self.share_batches, draft)
            last = False
            while not last:
                chunk, last = _chunk(items.get())
                if run_manager:
                    run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk
        finally:
            claim.cancel()

    async def _astream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        draft: str | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[GenerationChunk]:
        decoding, claim = self._decoding(stop, kwargs), Claim()
        loop = asyncio.get_running_loop()
        items: asyncio.Queue[str | Completion | BaseException] = asyncio.Queue()

        def put(item: str | Completion | BaseException) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody listens any more
                loop.call_soon_threadsafe(items.put_nowait, item)

        try:
            checkpoint = await self._acheckpoint()
            decoding = self._cautious(decoding, checkpoint)
            await run_in_executor(
                None, stream, checkpoint, prompt, decoding, put, claim, self.share_batches, draft
            )
            last = False
            while not last:
                chunk, last = _chunk(await items.get())
                if run_manager:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk
        finally:
            claim.cancel()


def _alike(prompts: Sequence[str], draft: str | None) -> Mapping[str, str] | None:
    return None if draft is None else dict.fromkeys(prompts, draft)


def _info(completion: Completion) -> dict[str, Any]:
    return {
        "finish_reason": completion.finish_reason,
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": completion.completion_tokens,
    }


def _chunk(item: str | Completion | BaseException) -> tuple[GenerationChunk, bool]:
    """A streamed item as LangChain's chunk, and whether it is the last one."""
    if isinstance(item, BaseException):
        raise item
    if isinstance(item, Completion):
        return GenerationChunk(text="", generation_info=_info(item)), True
    return GenerationChunk(text=item), False
