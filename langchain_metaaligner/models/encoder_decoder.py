"""BART, T5 and other encoder-decoders as LangChain LLMs: `EncoderDecoderLLM`."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from typing import Any

import torch
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.outputs import Generation, LLMResult
from pydantic import ConfigDict, Field, PrivateAttr
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, GenerationConfig

from langchain_metaaligner.errors import CheckpointError, SettingError, plain_validation
from langchain_metaaligner.models.editing_llm import EditingLLM
from langchain_metaaligner.models.load import placement
from langchain_metaaligner.models.spec import CheckpointSpec
from langchain_metaaligner.weights.loading import reading

_SPECIAL = (
    "decoder_start_token_id",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
    "forced_bos_token_id",
    "forced_eos_token_id",
)


class EncoderDecoderLLM(EditingLLM):
    """A BART, T5 or other encoder-decoder as a LangChain LLM: greedy, in batches.

    Beams, sampling and penalties of the checkpoint's own generation config do not apply. A prompt
    is never cut: T5 reads on beyond the 512 tokens that its tokenizer names, as the research lets
    it, and what is longer than BART's positions is an error.

    Attributes:
        model: a folder or a Hub id.
        device: where it runs; None takes CUDA, else MPS, else the CPU.
        device_map: accelerate's map of layers to devices. Excludes ``device``.
        dtype: "bfloat16", "float16" or "float32"; None is bfloat16 on CUDA and float32 elsewhere.
        quantization: "8bit" or "4bit".
        batch_size: prompts in one forward pass, at least 1.
        max_new_tokens: tokens that an answer may take, at least 1.

    Raises:
        CheckpointError: at first use, if it cannot be read.
        SettingError: when an option has a value that cannot work.
    """

    model_config = ConfigDict(extra="forbid")

    model: str
    device: str | None = None
    device_map: str | dict[str, Any] | None = None
    dtype: str | None = None
    quantization: str | None = None
    batch_size: int = Field(default=8, ge=1)
    max_new_tokens: int = Field(default=1024, ge=1)

    _weights: _Weights | None = PrivateAttr(default=None)

    def __init__(self, **fields: Any) -> None:
        with plain_validation(type(self)):
            super().__init__(**fields)
        self._spec()

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        private = {**(state["__pydantic_private__"] or {}), "_weights": None}
        return {**state, "__pydantic_private__": private}

    @property
    def _llm_type(self) -> str:
        return "metaaligner-policy"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        names = ("model", "device", "device_map", "dtype", "quantization", "max_new_tokens")
        return {name: getattr(self, name) for name in names}

    @property
    def display_name(self) -> str:
        """The name of the model as it was given."""
        return self.model

    def get_token_ids(self, text: str) -> list[int]:
        """The ids that the encoder sees."""
        return self._read().encode([text])[0]

    def _spec(self) -> CheckpointSpec:
        return CheckpointSpec(
            model=self.model,
            device=self.device,
            device_map=self.device_map,
            dtype=self.dtype,
            quantization=self.quantization,
        )

    def _read(self) -> _Weights:
        if self._weights is None:
            self._weights = _weights_of(self._spec().placed())
        return self._weights

    def _generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        weights, most = self._read(), kwargs.get("max_new_tokens", self.max_new_tokens)
        encoded = weights.encode(prompts)
        longest_first = sorted(range(len(prompts)), key=lambda at: -len(encoded[at]))
        made: dict[int, Generation] = {}
        for start in range(0, len(prompts), self.batch_size):
            places = longest_first[start : start + self.batch_size]
            answers = weights.answers([encoded[at] for at in places], most)
            for at, ids in zip(places, answers, strict=True):
                made[at] = weights.generation(encoded[at], ids, stop or ())
        return LLMResult(generations=[[made[at]] for at in range(len(prompts))])


class _Weights:
    """An encoder-decoder and its tokenizer, used by one thread at a time."""

    def __init__(self, name: str, model: Any, tokenizer: Any) -> None:
        self._name = name
        self._model = model
        self._tokenizer = tokenizer
        self._lock = threading.Lock()
        special = {key: getattr(model.generation_config, key, None) for key in _SPECIAL}
        for key in _SPECIAL:
            special[key] = (
                getattr(model.config, key, None) if special[key] is None else special[key]
            )
        model.generation_config = GenerationConfig(**special)  # type: ignore[no-untyped-call]
        eos = special["eos_token_id"]
        self._ends = frozenset(eos if isinstance(eos, list) else [eos])
        self._pad = tokenizer.pad_token_id or 0

    def __deepcopy__(self, memo: dict[int, Any]) -> _Weights:
        return self

    def encode(self, prompts: Sequence[str]) -> list[list[int]]:
        """Token ids of prompts, whole.

        Raises:
            SettingError: if one is longer than the encoder's positions.
        """
        with self._lock:
            encoded: list[list[int]] = [
                self._tokenizer(prompt, verbose=False)["input_ids"] for prompt in prompts
            ]
        # T5 has no such number: its positions are relative, and have no end.
        limit = getattr(self._model.config, "max_position_embeddings", None)
        longest = max(map(len, encoded), default=0)
        if limit is not None and longest > limit:
            raise SettingError(
                f"A prompt has {longest} tokens; the encoder of {self._name!r} reads {limit}. "
                "Shorten the prompt, or use a model with a longer context."
            )
        return encoded

    @torch.inference_mode()
    def answers(self, batch: Sequence[Sequence[int]], most: int) -> list[list[int]]:
        """The ids of each answer, up to its end of sequence."""
        width, device = max(map(len, batch)), self._model.device
        rows = [[*ids, *[self._pad] * (width - len(ids))] for ids in batch]
        real = [[1] * len(ids) + [0] * (width - len(ids)) for ids in batch]
        with self._lock:
            made = self._model.generate(
                input_ids=torch.tensor(rows, device=device),
                attention_mask=torch.tensor(real, device=device),
                do_sample=False,
                num_beams=1,
                max_new_tokens=most,
            )
        return [self._ended(ids[1:]) for ids in made.tolist()]  # the first starts the decoder

    def _ended(self, ids: list[int]) -> list[int]:
        end = next((at for at, token in enumerate(ids) if token in self._ends), len(ids) - 1)
        return ids[: end + 1]

    def generation(
        self, prompt: Sequence[int], ids: Sequence[int], stop: Sequence[str]
    ) -> Generation:
        """The text of an answer, cut before the first stop text."""
        with self._lock:
            text: str = self._tokenizer.decode(ids, skip_special_tokens=True)
        cut = min((at for end in stop if (at := text.find(end)) >= 0), default=None)
        ended = cut is not None or bool(ids and ids[-1] in self._ends)
        return Generation(
            text=text[:cut],
            generation_info={
                "finish_reason": "stop" if ended else "length",
                "prompt_tokens": len(prompt),
                "completion_tokens": sum(token not in self._ends for token in ids),
            },
        )


_loaded: weakref.WeakValueDictionary[CheckpointSpec, _Weights] = weakref.WeakValueDictionary()


def _weights_of(spec: CheckpointSpec) -> _Weights:
    """The weights of a spec: read once, however many threads ask, while anybody holds them."""
    with reading():
        weights = _loaded.get(spec)
        if weights is None:
            where, options = placement(spec)
            try:
                tokenizer = AutoTokenizer.from_pretrained(spec.model)
                model = AutoModelForSeq2SeqLM.from_pretrained(spec.model, **options).eval()
            except (OSError, ValueError, RuntimeError) as error:
                raise CheckpointError(
                    f"No encoder-decoder could be read from {spec.model!r}: {error} "
                    "Give a folder or a Hub id."
                ) from error
            weights = _Weights(spec.model, model if where is None else model.to(where), tokenizer)
            _loaded[spec] = weights
        return weights
