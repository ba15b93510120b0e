"""How many answers may be under way at the same time: `Places`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Places:
    """How many answers may be under way at the same time.

    Args:
        number: so many; None for any number.
    """

    def __init__(self, number: int | None = None) -> None:
        self._number = number
        # reentrant, and emptied without it: the collector may close an abandoned stream anywhere
        self._lock = threading.RLock()
        self._held: dict[object, None] = {}

    def __reduce__(self) -> tuple[type[Places], tuple[int | None]]:
        """A copy begins with all places free; the lock is no part of it."""
        return Places, (self._number,)

    def __deepcopy__(self, memo: object) -> Places:
        """As many places, all of them free."""
        return Places(self._number)

    @property
    def under_way(self) -> int:
        """How many there are."""
        return len(self._held)

    @contextmanager
    def taken(self, wanted: int) -> Iterator[int]:
        """Take places for as long as the block lasts; the number of those that there were."""
        with self._lock:
            free = wanted if self._number is None else max(0, self._number - len(self._held))
            held = [object() for _ in range(min(wanted, free))]
            self._held.update(dict.fromkeys(held))
        try:
            yield len(held)
        finally:
            for place in held:
                del self._held[place]
