"""What holds decoding steady while the process forks."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Protocol

_FORK_PATIENCE = 5.0  # seconds that a fork waits for the pass at hand; a pass takes far less


class Forked(Protocol):
    """What goes on in a child process."""

    generating: threading.Lock

    def after_fork(self) -> None:
        """Go on in a child process, where the threads that held locks or decoded are no more."""


_watched: weakref.WeakSet[Forked] = weakref.WeakSet()
_paused: list[Forked] = []


def watch(checkpoint: Forked) -> None:
    """Let a checkpoint's pass come to an end before the process forks, and go on in the child."""
    _watched.add(checkpoint)


def _before_fork() -> None:
    """Let passes come to an end: a child whose memory is that of a pass half done can hang."""
    global _paused
    _paused = [
        checkpoint
        for checkpoint in list(_watched)
        if checkpoint.generating.acquire(timeout=_FORK_PATIENCE)
    ]


def _after_fork_in_parent() -> None:
    for checkpoint in _paused:
        checkpoint.generating.release()
    _paused.clear()


def _after_fork_in_child() -> None:
    _paused.clear()
    for checkpoint in list(_watched):
        checkpoint.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
