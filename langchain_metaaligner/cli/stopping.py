"""What a long command says when Ctrl-C ends it; its exit status is 130."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stopped_with(sentence: Callable[[], str]) -> Iterator[None]:
    """Say what was done and how to go on, if the block is interrupted.

    Args:
        sentence: makes that sentence when it is needed, such as "40 rows were done. Run the same
            command to go on from there."
    """
    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.write(f"\nStopped. {sentence()}\n")
        sys.stderr.flush()
        raise
