"""Which checkpoint, and how it is to be held: `CheckpointSpec`. Nothing here reads weights.

A checkpoint is a folder in the layout of the Hugging Face Hub, a folder with one GGUF file, an id
on the Hub, or the name of one that comes with this package: ``"mini"`` or ``"small"``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import (
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    try_to_load_from_cache,
)

from langchain_metaaligner.errors import CheckpointError, SettingError, nearest

MINI = "mini"
MINI_FOLDER = Path(__file__).with_name("mini")
BUNDLED = {name: Path(__file__).with_name(name) for name in (MINI, "small")}
"""Where the checkpoints lie that come with this package, by name."""

METADATA_FILE = "metaaligner.json"
QUANTIZATIONS = {"8bit": "load_in_8bit", "4bit": "load_in_4bit"}

_DTYPES = {
    "bfloat16": "bfloat16",
    "bf16": "bfloat16",
    "float16": "float16",
    "fp16": "float16",
    "float32": "float32",
    "fp32": "float32",
}
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_EXPECTED = (
    "Give 'mini', 'small', a folder in the layout of the Hugging Face Hub or with one GGUF file, "
    "or an id on the Hub"
)


@dataclass(frozen=True)
class CheckpointSpec:
    """Which weights, and how they are to be held. Equal specs share one copy of the weights.

    Attributes:
        model: "mini", "small", a folder, or an id on the Hub.
        revision: branch, tag or commit on the Hub.
        device: "cuda", "cuda:1", "mps", "cpu", …; None takes the first of these that is there.
        dtype: "bfloat16", "float16", "float32", or "bf16", "fp16", "fp32"; a ``torch.dtype`` is
            kept by its name. None is bfloat16 on CUDA and float32 elsewhere.
        device_map: accelerate's map of layers to devices: "auto", or a mapping, which is kept as
            sorted pairs. Excludes ``device``.
        quantization: "8bit" or "4bit", by bitsandbytes.
        trust_remote_code: run the Python code that the checkpoint brings along.
        adopted: key of weights that this process already held (`checkpoint.adopt`).

    Raises:
        SettingError: on a value that cannot work.
    """

    model: str = MINI
    revision: str | None = None
    device: str | None = None
    dtype: str | torch.dtype | None = None
    device_map: str | Mapping[str, Any] | tuple[tuple[str, Any], ...] | None = None
    quantization: str | None = None
    trust_remote_code: bool = False
    adopted: str | None = None

    def __post_init__(self) -> None:
        if self.dtype is not None:
            object.__setattr__(self, "dtype", _dtype_name(self.dtype))
        if isinstance(self.device_map, Mapping):
            object.__setattr__(self, "device_map", tuple(sorted(self.device_map.items())))
        if self.quantization is not None and self.quantization not in QUANTIZATIONS:
            raise SettingError(_unknown("quantization", self.quantization, QUANTIZATIONS))
        if self.device is not None:
            _require_device(self.device)
            if self.device_map is not None:
                raise SettingError(
                    f"device={self.device!r} and device_map={self.device_map!r} were both given, "
                    "but a device map places the layers by itself. Give one of them."
                )

    def resolved(self) -> CheckpointSpec:
        """The same choice with every default filled in: equal weights have equal resolved specs.

        Raises:
            CheckpointError: as `resolve`.
        """
        device = self.device
        if device is None and self.device_map is None:
            device = best_device()
        on_cuda = (device or best_device()).startswith("cuda")
        return replace(
            self,
            model=resolve(self.model),
            device=device,
            dtype=self.dtype or ("bfloat16" if on_cuda else "float32"),
            adopted=None,
        )


def best_device() -> str:
    """The fastest device of this machine: "cuda", else "mps", else "cpu"."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def resolve(model: str) -> str:
    """Where a checkpoint lies, checked as far as that is possible without reading weights.

    Args:
        model: "mini", "small", a folder, or an id on the Hub.

    Returns:
        The absolute path of the folder, or the id on the Hub.

    Raises:
        CheckpointError: when the folder does not exist, or holds no config or no weights.
    """
    folder = BUNDLED.get(model) or Path(model).expanduser()
    if model in BUNDLED and not is_complete(folder):
        raise CheckpointError(
            f"The bundled checkpoint {model!r} is missing from {folder}. Install "
            "langchain-metaaligner again, or name another model: a folder or an id on the Hub."
        )
    if not model or not folder.is_dir():
        if _HUB_ID.fullmatch(model) and not folder.exists():
            return model
        advice = f" Give the folder that holds {folder.name}." if folder.is_file() else ""
        raise CheckpointError(
            f"The model {model!r} is not a folder that exists.{advice} {_EXPECTED}."
        )
    if not folder.joinpath("config.json").is_file() and gguf_file(folder) is None:
        raise CheckpointError(f"The folder {model!r} holds no config.json. {_EXPECTED}.")
    if not _has_weights(folder) and gguf_file(folder) is None:
        raise CheckpointError(
            f"The folder {model!r} holds no weights (*.safetensors, pytorch_model*.bin or *.gguf). "
            "Save or download the checkpoint again."
        )
    return str(folder.resolve())


def fetch(model: str, file: str, revision: str | None) -> Path:
    """A small file of a checkpoint on the Hub, from the cache or else downloaded.

    A download retries for half a minute where there is no network; this asks once.

    Args:
        model: id on the Hub.
        file: name of the file.
        revision: branch, tag or commit; None is the main branch.

    Returns:
        The path in the cache.

    Raises:
        OSError: or another error of huggingface_hub or httpx, when there is no such model or file,
            or the Hub cannot be reached.
    """
    cached = try_to_load_from_cache(model, file, revision=revision)
    if isinstance(cached, str):
        return Path(cached)
    if cached is None:
        get_hf_file_metadata(hf_hub_url(model, file, revision=revision), timeout=10)
        return Path(hf_hub_download(model, file, revision=revision))
    raise FileNotFoundError(f"{model} has no {file}.")


def read_metadata(spec: CheckpointSpec) -> dict[str, Any]:
    """What a checkpoint tells about itself in ``metaaligner.json``, a file that our trainer writes.

    Args:
        spec: whose metadata.

    Returns:
        The file's content; empty where there is no such file or the Hub cannot be reached.

    Raises:
        CheckpointError: when the file is there and is not a JSON object, or as `resolve`.
    """
    origin = resolve(spec.model)
    if Path(origin).is_dir():
        path = Path(origin, METADATA_FILE)
    else:
        try:
            path = fetch(origin, METADATA_FILE, spec.revision)
        except Exception:  # whatever the Hub says: a checkpoint works without this file
            return {}
    if not path.is_file():
        return {}
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{path} is not valid JSON: {error}. Repair or delete it.") from error
    if not isinstance(metadata, dict):
        raise CheckpointError(f"{path} must hold a JSON object. Repair or delete it.")
    return metadata


def is_complete(folder: Path) -> bool:
    """Whether a folder holds a config and weights, in one file or in several."""
    whole = folder.joinpath("config.json").is_file() and _has_weights(folder)
    return whole or gguf_file(folder) is not None


def gguf_file(folder: str | Path) -> str | None:
    """The name of the GGUF file that is a folder's checkpoint; None where there is none.

    Where a folder holds weights of another form too, these are its checkpoint.

    Raises:
        CheckpointError: if it holds several GGUF files and nothing else.
    """
    found = sorted(path.name for path in Path(folder).glob("*.gguf"))
    if not found or _has_weights(Path(folder)):
        return None
    if len(found) > 1:
        raise CheckpointError(
            f"The folder {str(folder)!r} holds {len(found)} GGUF files: {', '.join(found)}. A "
            "checkpoint is one of them: put it into a folder of its own."
        )
    return found[0]


def _has_weights(folder: Path) -> bool:
    return any(any(folder.glob(kind)) for kind in ("*.safetensors", "pytorch_model*.bin"))


def _dtype_name(dtype: str | torch.dtype) -> str:
    given = str(dtype).removeprefix("torch.")
    if given not in _DTYPES:
        raise SettingError(_unknown("dtype", given, _DTYPES))
    return _DTYPES[given]


def _require_device(device: str) -> None:
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise SettingError(_unknown("device", device, ("cuda", "mps", "cpu"))) from error
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(kind, True):
        raise SettingError(
            f"device={device!r} is not available here. Leave it out to use {best_device()!r}."
        )


def _unknown(option: str, given: str, known: Iterable[str]) -> str:
    allowed = ", ".join(repr(word) for word in known)
    return f"{option}={given!r} is unknown; allowed are {allowed}.{nearest(given, known)}"
