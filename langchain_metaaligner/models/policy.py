"""Policy models on this machine: decoders, LoRA adapters and encoder-decoders as LangChain LLMs.

The MentaLLaMA models (IMHI) are of all three kinds: see `MENTALLAMA`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from langchain_core.language_models.llms import BaseLLM
from transformers import AutoConfig

from langchain_metaaligner.errors import CheckpointError, MissingExtraError
from langchain_metaaligner.models.aligner import AlignerLLM
from langchain_metaaligner.models.checkpoint import adopt
from langchain_metaaligner.models.encoder_decoder import EncoderDecoderLLM
from langchain_metaaligner.models.load import read, read_tokenizer
from langchain_metaaligner.models.spec import BUNDLED, CheckpointSpec, resolve
from langchain_metaaligner.weights.hub import optional_file, read_metadata
from langchain_metaaligner.weights.loading import reading

__all__ = ["ADAPTER", "MENTALLAMA", "EncoderDecoderLLM", "load_policy", "prompt_prefix"]

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
    device_map: str | Mapping[str, Any] | None = None,
    dtype: str | None = None,
    quantization: str | None = None,
    batch_size: int = 8,
    max_new_tokens: int = 1024,
    base: str | None = None,
) -> BaseLLM:
    """A checkpoint as a LangChain LLM that continues, or answers, plain prompts greedily.

    Args:
        model: a folder or a Hub id: a decoder, a LoRA adapter on one, or an encoder-decoder.
        device: where it runs; by itself CUDA, else MPS, else the CPU.
        device_map: accelerate's map of layers to devices, such as "auto", which spreads what is
            too large for one device. Excludes ``device``.
        dtype: "bfloat16", "float16" or "float32"; by itself bfloat16 on CUDA, else float32.
        quantization: "8bit" or "4bit", by bitsandbytes.
        batch_size: prompts in one forward pass.
        max_new_tokens: tokens that an answer may take.
        base: the model that an adapter belongs to; by itself what the adapter names.

    Returns:
        An `AlignerLLM`, or an `EncoderDecoderLLM`.

    Raises:
        CheckpointError: if it does not exist or cannot be read; ``retryable`` where the Hub could
            not be asked.
        MissingExtraError: if an adapter is given and PEFT is not installed, or quantization and
            bitsandbytes is not.
        SettingError: if an option has a value that cannot work.

    >>> load_policy("mini", device="cpu", max_new_tokens=8).max_new_tokens
    8
    """
    options: dict[str, Any] = {"batch_size": batch_size, "max_new_tokens": max_new_tokens}
    holding: dict[str, Any] = {
        "device": device,
        "device_map": device_map,
        "dtype": dtype,
        "quantization": quantization,
    }
    if model in BUNDLED:
        return AlignerLLM(model=model, **holding, **options)
    if optional_file(model, ADAPTER, None) is not None:
        merged, tokenizer = _merged(model, base, holding)
        spec, checkpoint = adopt(merged, tokenizer)
        llm = AlignerLLM(model=spec.model, adopted=spec.adopted, **options)
        llm._checkpoint = checkpoint
        return llm
    try:
        config = AutoConfig.from_pretrained(model)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"No model could be read from {model!r}: {error} Give a folder or a Hub id."
        ) from error
    if config.is_encoder_decoder:
        return EncoderDecoderLLM(model=model, **holding, **options)
    return AlignerLLM(model=model, **holding, **options)


def prompt_prefix(model: str) -> str:
    """What a checkpoint says is to stand before each prompt, such as a baseline's target rewards.

    Args:
        model: as of `load_policy`.

    Raises:
        CheckpointError: if it does not exist, or its metadata cannot be read.
    """
    # The folder of an adapter is no checkpoint: it has no config.
    folder = Path(model).is_dir()
    metadata = read_metadata(model if folder else resolve(model))
    return str(metadata.get("prompt_prefix", ""))


def _merged(model: str, base: str | None, holding: Mapping[str, Any]) -> tuple[Any, Any]:
    """The base with the adapter merged into it, and the tokenizer of whichever has one."""
    try:
        from peft import PeftConfig, PeftModel
    except ImportError as error:
        raise MissingExtraError("A LoRA adapter", "train") from error
    try:
        below = base or PeftConfig.from_pretrained(model).base_model_name_or_path
        spec = CheckpointSpec(model=str(below), **holding).resolved()
        with reading():
            loaded, tokenizer = read(spec)
            merged = PeftModel.from_pretrained(loaded, model).merge_and_unload()
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"The adapter {model!r} could not be put on its base model: {error} Name the base that "
            "it was trained on: base=… (--base of the command)."
        ) from error
    # Another process must not find the bare base model under this name.
    merged.name_or_path = model
    if Path(model).is_dir():
        with suppress(CheckpointError):  # most adapters bring none, and use their base's
            tokenizer = read_tokenizer(model, {})
    return merged.eval(), tokenizer
