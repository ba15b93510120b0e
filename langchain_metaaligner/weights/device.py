"""The devices of this machine."""

from __future__ import annotations

import torch


def best_device() -> str:
    """The fastest device of this machine: "cuda", else "mps", else "cpu"."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
