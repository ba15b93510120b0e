"""One model is read at a time."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.RLock()


@contextmanager
def reading() -> Iterator[None]:
    """To be held while a model is read: transformers changes torch's default dtype meanwhile.

    Two threads that read at once get weights of the wrong dtype, or tensors on no device at all.
    """
    with _lock:
        yield


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
