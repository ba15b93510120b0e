"""A checkpoint as a LangChain LLM: `AlignerLLM`."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.outputs import GenerationChunk, LLMResult
from langchain_core.runnables.config import run_in_executor
from pydantic import Field

from langchain_metaaligner.decode.complete import acomplete, complete
from langchain_metaaligner.decode.options import require_working
from langchain_metaaligner.decode.pieces import stream
from langchain_metaaligner.decode.row import Claim, Completion, Decoding
from langchain_metaaligner.models.checkpoint import Checkpoint
from langchain_metaaligner.models.checkpoint_llm import CheckpointLLM
from langchain_metaaligner.models.outputs import chunk_of, late_generations, llm_result
from langchain_metaaligner.weights.device import best_device


class AlignerLLM(CheckpointLLM):
    """A MetaAligner checkpoint, run on this machine.

    Weights are read at the first use and shared by all runnables that name the same checkpoint.
    Decoding is greedy unless ``generation`` says otherwise, and an answer ends at the end of
    sequence, at a stop text, or when it runs out of room: never before.

    Attributes:
        model: "mini", a folder in the layout of the Hugging Face Hub, or an id on the Hub.
        revision: branch, tag or commit on the Hub.
        device: "cuda", "cuda:1", "mps", "cpu", …; None takes the first of these that is there.
        dtype: "bfloat16", "float16" or "float32", or such a ``torch.dtype``, which is kept by name;
            None is bfloat16 on CUDA and on CPUs with AMX or Arm's BF16, and float32 elsewhere and
            for weights of less than 50 MB.
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
        seed: of what is drawn where ``generation`` samples; None: whatever comes. The draws are the
            same again where the same prompts are answered together.
        tenant: whose calls they are. What the beginnings of prompts were computed to and what edits
            wrote is kept in memory, for later calls of the same tenant only: it makes these faster
            and changes none of them. A call may come with a ``tenant`` of its own.
        remember: whether anything is kept of a call for later ones; ``remember=False`` may come
            with a call too.
        share_batches: let calls that come at the same time share forward passes.
        adopted: key of weights taken over by `from_pipeline` in this process.

    Raises:
        CheckpointError: when the folder does not exist, or holds no config or no weights.
        SettingError: when an option has a value that cannot work.
    """

    batch_size: int = Field(default=8, ge=1)
    max_new_tokens: int = Field(default=1024, ge=1)
    stop: list[str] | None = None
    generation: dict[str, Any] = Field(default_factory=dict)
    decoding: Literal["lookup", "greedy"] = "lookup"
    caution: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    seed: int | None = None
    tenant: str | None = None
    remember: bool = True
    share_batches: bool = True

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self._decoding(None, {})  # options that cannot work are told at once

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """True: the fields are written, the weights never are."""
        return True

    @classmethod
    def get_lc_namespace(cls) -> list[str]:
        """Where LangChain finds the class again."""
        return ["langchain_metaaligner", "models", "aligner"]

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """As `EditingLLM`, with the device, also where it was not chosen."""
        yield from super().__repr_args__()
        if self.device is None and self.device_map is None:
            yield "device", best_device()

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
            **({} if self.seed is None else {"seed": self.seed}),
        }

    def _decoding(self, stop: list[str] | None, options: dict[str, Any]) -> Decoding:
        options = {**self.generation, **options}
        chosen = {
            name: options.pop(name, getattr(self, name))
            for name in ("max_new_tokens", "tenant", "remember", "seed")
        }
        decoding = Decoding(
            **chosen,
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
        deadline: float | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        checkpoint = self.checkpoint
        decoding = self._cautious(self._decoding(stop, kwargs), checkpoint)
        known = drafts or _alike(prompts, draft)
        with late_generations():
            completions = complete(
                checkpoint, prompts, decoding, self.share_batches, known, deadline=deadline
            )
        return llm_result(completions, self.display_name)

    async def _agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        draft: str | None = None,
        drafts: Mapping[str, str] | None = None,
        deadline: float | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        decoding = self._decoding(stop, kwargs)
        known = drafts or _alike(prompts, draft)
        checkpoint = await self._acheckpoint()
        decoding = self._cautious(decoding, checkpoint)
        with late_generations():
            completions = await acomplete(
                checkpoint, prompts, decoding, self.share_batches, known, deadline
            )
        return llm_result(completions, self.display_name)

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
                chunk, last = chunk_of(items.get())
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
                chunk, last = chunk_of(await items.get())
                if run_manager:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk
        finally:
            claim.cancel()


def _alike(prompts: Sequence[str], draft: str | None) -> Mapping[str, str] | None:
    return None if draft is None else dict.fromkeys(prompts, draft)
