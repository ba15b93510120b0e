"""Reads the model and the tokenizer of a checkpoint from disk or from the Hub."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)
from transformers.models.llama.tokenization_llama import LlamaTokenizer
from transformers.utils import logging as transformers_logging

from langchain_metaaligner.errors import CheckpointError, MissingExtraError, SettingError
from langchain_metaaligner.models.spec import QUANTIZATIONS, CheckpointSpec, gguf_file
from langchain_metaaligner.models.tokens import (
    completion_ids,
    encode_as_sentencepiece,
    prompt_ids,
)
from langchain_metaaligner.weights.hub import fetch

__all__ = [
    "completion_ids",
    "encode_as_sentencepiece",
    "placement",
    "prompt_ids",
    "read",
    "read_tokenizer",
    "require_decoder",
]


def read(spec: CheckpointSpec) -> tuple[Any, Any]:
    """Read a checkpoint. Not thread-safe: transformers changes process-wide state meanwhile.

    Args:
        spec: a resolved spec (`CheckpointSpec.resolved`).

    Returns:
        The transformers model, on its device and in evaluation mode, and its tokenizer.

    Raises:
        CheckpointError: when it does not exist, is broken, or is no decoder language model.
        MissingExtraError: when bitsandbytes is needed and not installed.
    """
    placement(spec)  # what is not installed is told before anything is read
    origin = {"revision": spec.revision, "trust_remote_code": spec.trust_remote_code}
    file = gguf_file(spec.model)
    if file:
        _require_gguf(spec, file)

    def source(part: str) -> dict[str, Any]:
        """Where a part is read from: a GGUF file has all, but takes seconds to look through."""
        alone = file is None or Path(spec.model, part).is_file()
        return origin if alone else {**origin, "gguf_file": file}

    with _quiet():
        try:
            if not Path(spec.model).is_dir():
                fetch(spec.model, "config.json", spec.revision)
            config = AutoConfig.from_pretrained(spec.model, **source("config.json"))
        except Exception as error:  # transformers and the Hub raise errors of many kinds
            raise CheckpointError(
                f"The config of {spec.model!r} could not be read ({_first_line(error)}). "
                + (_TORN.format(file) if file else _UNREADABLE)
            ) from error
        require_decoder(config, config.architectures or (), spec.model)
        tokenizer = read_tokenizer(spec.model, source("tokenizer.json"))
        return _read_model(spec, config, source("weights")), tokenizer


_UNREADABLE = (
    "Check the name and, for an id on the Hub, the network; a folder must hold config.json."
)
_TORN = "{} may be incomplete, corrupt or no GGUF file: make or download it again."


def _require_gguf(spec: CheckpointSpec, file: str) -> None:
    if importlib.util.find_spec("gguf") is None:
        raise CheckpointError(
            f"{file} in {spec.model!r} is a GGUF file, and the package gguf, which reads it, is "
            "not installed. Install it with: pip install gguf"
        )
    if spec.quantization:
        raise SettingError(
            f"quantization={spec.quantization!r} was given, but {file} in {spec.model!r} is "
            "quantized already. Leave it out."
        )


def require_decoder(config: Any, architectures: Sequence[str], name: str) -> None:
    """Refuse a checkpoint that cannot continue a text.

    Transformers would load an encoder as a decoder without a word, and its output is noise.

    Args:
        config: the model's transformers config.
        architectures: class names that the checkpoint was saved from; may be empty.
        name: what the error calls the checkpoint.

    Raises:
        CheckpointError: for encoders, encoder-decoders and models without a language-model head.
    """
    kind = config.model_type
    custom = "AutoModelForCausalLM" in (getattr(config, "auto_map", None) or {})
    if architectures:
        decodes = custom or not _DECODER_CLASSES.isdisjoint(architectures)
    else:
        decodes = custom or kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    masked = kind in MODEL_FOR_MASKED_LM_MAPPING_NAMES and not getattr(config, "is_decoder", False)
    if config.is_encoder_decoder or masked or not decodes:
        raise CheckpointError(
            f"{name!r} is a {' / '.join(architectures) or kind}, which cannot continue a text. "
            "An aligner must be a decoder language model, such as LlamaForCausalLM."
        )


_DECODER_CLASSES = frozenset(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values())


def placement(spec: CheckpointSpec) -> tuple[str | None, dict[str, Any]]:
    """How ``from_pretrained`` is to hold the weights of a spec.

    Args:
        spec: with every default filled in (`CheckpointSpec.placed`).

    Returns:
        The device to move the model to, None where a device map places it, and the options.

    Raises:
        MissingExtraError: when bitsandbytes is needed and not installed.
    """
    options: dict[str, Any] = {"dtype": getattr(torch, str(spec.dtype)), "weights_only": True}
    if spec.attn_implementation is not None:
        options["attn_implementation"] = spec.attn_implementation
    device_map: Any = (
        dict(spec.device_map) if isinstance(spec.device_map, tuple) else spec.device_map
    )
    if spec.quantization:
        if importlib.util.find_spec("bitsandbytes") is None:
            raise MissingExtraError(f"quantization={spec.quantization!r}", "quantization")
        bits = {QUANTIZATIONS[spec.quantization]: True}
        options["quantization_config"] = BitsAndBytesConfig(**bits)  # type: ignore[no-untyped-call]
        device_map = device_map or {"": spec.device}
    if device_map is None:
        return spec.device, options
    return None, {**options, "device_map": device_map}


def _read_model(spec: CheckpointSpec, config: Any, origin: dict[str, Any]) -> Any:
    device, options = placement(spec)
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            spec.model, config=config, output_loading_info=True, **options, **origin
        )
    except Exception as error:  # transformers and the Hub raise errors of many kinds
        raise CheckpointError(
            f"The weights of {spec.model!r} could not be loaded ({_first_line(error)}). "
            "They may be incomplete or corrupt: save or download the checkpoint again."
        ) from error
    model, report = loaded
    if missing := sorted(report["missing_keys"]):
        raise CheckpointError(
            f"The weights of {spec.model!r} lack {len(missing)} of the model's tensors, such as "
            f"{missing[0]!r}: random numbers would stand in. Save or download the checkpoint again."
        )
    model.eval()
    return model if device is None else model.to(device)


def read_tokenizer(model: str, origin: dict[str, Any]) -> Any:
    """Read the tokenizer of a folder or a Hub id, as it is.

    Args:
        model: a folder or an id.
        origin: options for ``from_pretrained`` such as ``revision``.

    Raises:
        CheckpointError: when it cannot be read, or there is none.
    """
    advice = "It needs tokenizer.json or tokenizer.model beside its config."
    files = {"tokenizer.model", "tokenizer.json", "tokenizer_config.json"}
    present = {name for name in files if Path(model, name).is_file()}
    try:
        if present == {"tokenizer.model"}:
            tokenizer = LlamaTokenizer.from_pretrained(model, add_bos_token=True, **origin)
        else:
            tokenizer = AutoTokenizer.from_pretrained(model, **origin)
    except Exception as error:  # transformers and the Hub raise errors of many kinds
        raise CheckpointError(
            f"The tokenizer of {model!r} could not be read ({_first_line(error)}). {advice}"
        ) from error
    if set(tokenizer.get_vocab()) <= set(tokenizer.all_special_tokens):
        raise CheckpointError(f"{model!r} has no tokenizer. {advice}")
    return tokenizer


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0] if text else 'no details'}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back transformers' loading bar and its report of keys; errors still arrive."""
    verbosity = transformers_logging.get_verbosity()
    bar = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(logging.CRITICAL)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bar:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
