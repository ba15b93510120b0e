"""Which checkpoint, and how it is to be held: `CheckpointSpec`. Nothing here reads weights.

A checkpoint is a folder in the layout of the Hugging Face Hub, a folder with one GGUF file, an id
on the Hub, or the name of one that comes with this package: ``"mini"`` or ``"small"``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from langchain_metaaligner.errors import CheckpointError, SettingError, nearest
from langchain_metaaligner.weights import hub
from langchain_metaaligner.weights.device import best_device, best_dtype
from langchain_metaaligner.weights.hub import HUB_ID, METADATA_FILE

__all__ = ["METADATA_FILE", "CheckpointSpec", "read_metadata", "resolve"]

MINI = "mini"
MINI_FOLDER = Path(__file__).with_name("mini")
BUNDLED = {name: Path(__file__).with_name(name) for name in (MINI, "small")}
"""Where the checkpoints lie that come with this package, by name."""
QUANTIZATIONS = {"8bit": "load_in_8bit", "4bit": "load_in_4bit"}

_DTYPES = {
    "bfloat16": "bfloat16",
    "bf16": "bfloat16",
    "float16": "float16",
    "fp16": "float16",
    "float32": "float32",
    "fp32": "float32",
}
_CACHED = 50_000_000  # bytes of weights that a processor's cache nearly holds: half gains nothing
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
            kept by its name. None is bfloat16 on CUDA and on CPUs with AMX or Arm's BF16, and
            float32 elsewhere and for weights of less than 50 MB.
        device_map: accelerate's map of layers to devices: "auto", or a mapping, which is kept as
            sorted pairs. Excludes ``device``.
        quantization: "8bit" or "4bit", by bitsandbytes.
        trust_remote_code: run the Python code that the checkpoint brings along; of a Hub id only at
            a ``revision`` that is named.
        attn_implementation: how attention is computed by ``generate``: "sdpa", "eager",
            "flash_attention_2", …; None is transformers' choice.
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
    attn_implementation: str | None = None
    adopted: str | None = None

    def __post_init__(self) -> None:
        if self.dtype is not None:
            object.__setattr__(self, "dtype", _dtype_name(self.dtype))
        if isinstance(self.device_map, Mapping):
            object.__setattr__(self, "device_map", tuple(sorted(self.device_map.items())))
        if self.quantization is not None and self.quantization not in QUANTIZATIONS:
            raise SettingError(_unknown("quantization", self.quantization, QUANTIZATIONS))
        if self.trust_remote_code and self.revision is None and not self._is_folder:
            raise SettingError(
                "trust_remote_code=True runs code of the repository. Name the commit that you have "
                "read: revision=..."
            )
        if self.device is not None:
            _require_device(self.device)
            if self.device_map is not None:
                raise SettingError(
                    f"device={self.device!r} and device_map={self.device_map!r} were both given, "
                    "but a device map places the layers by itself. Give one of them."
                )

    @property
    def _is_folder(self) -> bool:
        return self.model in BUNDLED or Path(self.model).expanduser().is_dir()

    def resolved(self) -> CheckpointSpec:
        """The same choice with every default filled in: equal weights have equal resolved specs.

        Raises:
            CheckpointError: as `resolve`.
        """
        return replace(self.placed(), model=resolve(self.model))

    def placed(self) -> CheckpointSpec:
        """The same choice with device and dtype filled in; the model's name stays as it is."""
        device = self.device
        if device is None and self.device_map is None:
            device = best_device()
        dtype = self.dtype or _best_dtype(self.model, device or best_device())
        return replace(self, device=device, dtype=dtype, adopted=None)


def _best_dtype(model: str, device: str) -> str:
    """The dtype that is fastest for a model on a device."""
    dtype, _ = best_dtype(device)
    folder = BUNDLED.get(model) or Path(model).expanduser()
    if device.startswith("cpu") and folder.is_dir():
        kinds = ("*.safetensors", "pytorch_model*.bin", "*.gguf")
        size = sum(file.stat().st_size for kind in kinds for file in folder.glob(kind))
        return "float32" if size < _CACHED else dtype
    return dtype


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
        if HUB_ID.fullmatch(model) and not folder.exists():
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


def read_metadata(spec: CheckpointSpec) -> dict[str, Any]:
    """What a checkpoint tells about itself: `weights.hub.read_metadata` of where it lies.

    Raises:
        CheckpointError: as there; ``retryable`` where the Hub could not be asked.
    """
    return hub.read_metadata(str(BUNDLED.get(spec.model, spec.model)), spec.revision)


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
    names = sorted(path.name for path in Path(folder).glob("*.gguf"))
    if not names or _has_weights(Path(folder)):
        return None
    if len(names) > 1:
        raise CheckpointError(
            f"The folder {str(folder)!r} holds {len(names)} GGUF files: {', '.join(names)}. A "
            "checkpoint is one of them: put it into a folder of its own."
        )
    return names[0]


def _has_weights(folder: Path) -> bool:
    return any(any(folder.glob(kind)) for kind in ("*.safetensors", "pytorch_model*.bin"))


def _dtype_name(dtype: str | torch.dtype) -> str:
    name = str(dtype).removeprefix("torch.")
    if name not in _DTYPES:
        raise SettingError(_unknown("dtype", name, _DTYPES))
    return _DTYPES[name]


def _require_device(device: str) -> None:
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        known = ("cuda", "mps", "cpu")
        hint = " Did you mean 'cuda'?" if "gpu" in device.lower() else nearest(device, known)
        raise SettingError(
            f"device={device!r} is unknown; allowed are 'cuda', 'mps', 'cpu'.{hint}"
        ) from error
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(kind, True):
        raise SettingError(
            f"device={device!r} is not available here. Leave it out to use {best_device()!r}."
        )


def _unknown(option: str, given: str, known: Iterable[str]) -> str:
    allowed = ", ".join(repr(word) for word in known)
    return f"{option}={given!r} is unknown; allowed are {allowed}.{nearest(given, known)}"
