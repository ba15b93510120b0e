"""Policy models on this machine: decoders, LoRA adapters and encoder-decoders as LangChain LLMs.

The MentaLLaMA models (IMHI) are of all three kinds: see `MENTALLAMA`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models.llms import BaseLLM
from langchain_core.outputs import Generation, LLMResult
from pydantic import ConfigDict, PrivateAttr
from transformers import AutoConfig, AutoModelForSeq2SeqLM, AutoTokenizer

from langchain_metaaligner.errors import CheckpointError, MissingExtraError
from langchain_metaaligner.models.aligner import AlignerLLM
from langchain_metaaligner.models.checkpoint import adopt
from langchain_metaaligner.models.load import read_tokenizer
from langchain_metaaligner.models.spec import fetch

MENTALLAMA = (
    "klyang/MentaLLaMA-chat-7B",
    "klyang/MentaLLaMA-chat-13B",
    "klyang/MentaLLaMA-33B-lora",
    "Tianlin668/MentalBART",
    "Tianlin668/MentalT5",
)
"""The five published MentaLLaMA models: two decoders, a LoRA adapter, two encoder-decoders."""

ADAPTER = "adapter_config.json"


def load_policy(
    model: str,
    *,
    device: str | None = None,
    batch_size: int = 8,
    max_new_tokens: int = 1024,
    base: str | None = None,
) -> BaseLLM:
    """A checkpoint as a LangChain LLM that continues, or answers, plain prompts greedily.

    Args:
        model: a folder or a Hub id: a decoder, a LoRA adapter on one, or an encoder-decoder.
        device: where it runs; by itself CUDA, else MPS, else the CPU.
        batch_size: prompts in one forward pass.
        max_new_tokens: tokens that an answer may take.
        base: the model that an adapter belongs to; by itself what the adapter names.

    Raises:
        CheckpointError: if it does not exist or cannot be read.
        MissingExtraError: if an adapter is given and PEFT is not installed.
    """
    options: dict[str, Any] = {"batch_size": batch_size, "max_new_tokens": max_new_tokens}
    if model == "mini":
        return AlignerLLM(model=model, device=device, **options)
    if _is_adapter(model):
        merged, tokenizer = _merged(model, base, device)
        spec, held = adopt(merged, tokenizer)
        llm = AlignerLLM(model=spec.model, adopted=spec.adopted, **options)
        llm._checkpoint = held
        return llm
    try:
        config = AutoConfig.from_pretrained(model)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"No model could be read from {model!r}: {error} Give a folder or a Hub id."
        ) from error
    if config.is_encoder_decoder:
        return EncoderDecoderLLM(model=model, device=device, **options)
    return AlignerLLM(model=model, device=device, **options)


def _is_adapter(model: str) -> bool:
    if Path(model).is_dir():
        return Path(model, ADAPTER).is_file()
    try:
        fetch(model, ADAPTER, None)
    except Exception:  # whatever keeps the file away, the model itself will tell
        return False
    return True


def _merged(model: str, base: str | None, device: str | None) -> tuple[Any, Any]:
    """The base with the adapter merged into it, and the tokenizer of whichever has one."""
    try:
        from peft import PeftConfig, PeftModel
    except ImportError as error:
        raise MissingExtraError("A LoRA adapter", "train") from error
    from transformers import AutoModelForCausalLM

    below = base or PeftConfig.from_pretrained(model).base_model_name_or_path
    try:
        loaded = AutoModelForCausalLM.from_pretrained(below, dtype="auto")
        merged = PeftModel.from_pretrained(loaded, model).merge_and_unload()
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"The adapter {model!r} could not be put on {below!r}: {error} Name its base model."
        ) from error
    where = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        tokenizer = read_tokenizer(model, {})
    except CheckpointError:
        tokenizer = read_tokenizer(below, {})
    return merged.eval().to(where), tokenizer


class EncoderDecoderLLM(BaseLLM):
    """A BART, T5 or other encoder-decoder as a LangChain LLM: greedy, in batches.

    Attributes:
        model: a folder or a Hub id.
        device: where it runs.
        batch_size: prompts in one forward pass.
        max_new_tokens: tokens that an answer may take.

    Raises:
        CheckpointError: at first use, if it cannot be read.
    """

    model_config = ConfigDict(extra="forbid")

    model: str
    device: str | None = None
    batch_size: int = 8
    max_new_tokens: int = 1024

    _loaded: tuple[Any, Any] | None = PrivateAttr(default=None)

    @property
    def _llm_type(self) -> str:
        return "metaaligner-policy"

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            device = self.device or ("cuda" if torch.cuda.is_available() else "cpu")
            try:
                tokenizer = AutoTokenizer.from_pretrained(self.model)
                model = AutoModelForSeq2SeqLM.from_pretrained(self.model).eval().to(device)
            except (OSError, ValueError, RuntimeError) as error:
                raise CheckpointError(
                    f"No encoder-decoder could be read from {self.model!r}: {error} "
                    "Give a folder or a Hub id."
                ) from error
            self._loaded = (model, tokenizer)
        return self._loaded

    def get_token_ids(self, text: str) -> list[int]:
        """The ids that the encoder sees."""
        ids: list[int] = self._load()[1](text)["input_ids"]
        return ids

    @torch.inference_mode()
    def _generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        model, tokenizer = self._load()
        texts: dict[int, str] = {}
        longest_first = sorted(range(len(prompts)), key=lambda at: -len(prompts[at]))
        for start in range(0, len(prompts), self.batch_size):
            places = longest_first[start : start + self.batch_size]
            encoded = tokenizer(
                [prompts[at] for at in places],
                padding=True,
                truncation=True,
                return_tensors="pt",
            ).to(model.device)
            made = model.generate(
                input_ids=encoded["input_ids"],
                attention_mask=encoded["attention_mask"],
                do_sample=False,
                max_new_tokens=kwargs.get("max_new_tokens", self.max_new_tokens),
            )
            decoded = tokenizer.batch_decode(made, skip_special_tokens=True)
            texts.update(zip(places, decoded, strict=True))
        return LLMResult(generations=[[Generation(text=texts[at])] for at in range(len(prompts))])
