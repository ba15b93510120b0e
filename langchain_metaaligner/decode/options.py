"""Which options of transformers' ``GenerationConfig`` can be given, and whether they work."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

from langchain_metaaligner.errors import SettingError, nearest

_KNOWN = frozenset(vars(GenerationConfig()))  # type: ignore[no-untyped-call]
_DECIDED = frozenset(
    {
        "max_new_tokens",
        "max_length",
        "stop_strings",
        "num_return_sequences",
        "return_dict_in_generate",
        "eos_token_id",
        "pad_token_id",
    }
)
_LENGTHS = frozenset({"min_new_tokens", "min_length"})  # mean nothing for the trial's few tokens
_VOCABULARY = 2**18  # more than any tokenizer of today has, so that every token id exists
_REMEMBERED = 256  # sets of options; a service may sample at a temperature of each request's own

_tried: dict[tuple[str, str], str | None] = {}
_trying = threading.Lock()


def require_known(options: Mapping[str, Any]) -> None:
    """Refuse options that do not exist, and those that are not free here.

    Raises:
        SettingError: with the option of the nearest name.
    """
    for option in options:
        if option in _DECIDED:
            raise SettingError(
                f"The generation option {option!r} is not free here: use max_new_tokens and "
                "stop; every prompt gets one answer."
            )
        if option not in _KNOWN:
            raise SettingError(
                f"The generation option {option!r} is unknown to transformers' "
                f"GenerationConfig.{nearest(option, _KNOWN)}"
            )


def require_working(options: Mapping[str, Any], device: str) -> None:
    """Refuse options that transformers cannot carry out, such as a temperature of 0.

    They are tried on a model of a few weights: what each version of transformers allows is written
    down nowhere but in its ``generate``.

    Args:
        options: options that `require_known` has let through.
        device: where the real model runs, as some options depend on it.

    Raises:
        SettingError: with what transformers said.
    """
    if all(value is None or value is False for value in options.values()):
        return
    key = (repr(sorted(options.items())), device)
    with _trying:
        if key not in _tried:
            while len(_tried) >= _REMEMBERED:
                del _tried[next(iter(_tried))]
            _tried[key] = _failure(options, device)
        failure = _tried[key]
    if failure is not None:
        raise SettingError(
            f"The generation options {dict(options)!r} cannot work ({failure}). Change or leave "
            "out the one that is at fault; transformers' GenerationConfig describes them."
        )


def _failure(options: Mapping[str, Any], device: str) -> str | None:
    """What ``generate`` says against the options; None where it runs."""
    place = torch.device(device)
    free = {name: value for name, value in options.items() if name not in _LENGTHS}
    with torch.random.fork_rng(devices=[place] if place.type == "cuda" else []):
        try:
            _stand_in(device).generate(
                input_ids=torch.tensor([[1, 5, 6, 7]], device=device),
                generation_config=GenerationConfig(  # type: ignore[no-untyped-call]
                    **{"do_sample": False, "pad_token_id": 0, "eos_token_id": 2, **free},
                    max_new_tokens=3,
                ),
            )
        except Warning:  # where these are errors: it works, and says so when it is used
            return None
        except Exception as error:  # whatever transformers raises is its verdict on the options
            text = str(error).strip()
            return f"{type(error).__name__}: {text.splitlines()[0] if text else 'no details'}"
    return None


@lru_cache(maxsize=1)
def _stand_in(device: str) -> Any:
    """A model of 8 MB that generates as the real one does, were it not for its texts."""
    config = LlamaConfig(
        vocab_size=_VOCABULARY,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=2,
        num_attention_heads=1,
        tie_word_embeddings=True,
    )
    model: Any = LlamaForCausalLM(config)
    return model.to(device).eval()
