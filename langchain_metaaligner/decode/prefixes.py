"""Keys and values of what prompts begin with, kept so that nothing is read twice.

All edits with the same template and objectives begin alike, and the next turn of a dialogue begins
as the turn before. What was read of a prompt up to its draft is kept in blocks of a few tokens,
each found by all tokens before it: a row that begins with the same tokens gets copies, and reads
the rest. The keys of a token depend on the tokens before it and on nothing else, so the edit is the
same.

What can be noticed is that a prompt whose beginning was read before is answered sooner. So blocks
belong to a tenant, and those of one are never found for another; `Prefixes(most=0)` keeps none.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from itertools import count
from threading import Lock
from typing import NamedTuple

import torch

BLOCK = 8
"""Tokens of a block: of what could be found, 3.5 tokens are read again on average."""

LEAST = 64 * 2**20
"""Bytes that are kept at most where the weights are small: 1,400 tokens of a 135M in float32."""


_Key = tuple[Hashable, tuple[int, ...]]  # the number of the block before it, and its tokens


class _Block(NamedTuple):
    """Keys and values (layers, 2, heads, `BLOCK`, size) of some tokens.

    Its number stands for all tokens up to its end: no other beginning ever has it.
    """

    number: int
    numbers: torch.Tensor


class Prefixes:
    """Kept beginnings of prompts; for any number of threads.

    Args:
        most: bytes of keys and values that are kept; what was not used for longest gives way, the
            end of a prompt before its beginning. 0 keeps nothing.

    >>> prefixes = Prefixes()
    >>> numbers = torch.arange(20.0).view(1, 1, 1, 20, 1).expand(1, 2, 1, 20, 1)
    >>> prefixes.keep(range(20), lambda start, end: numbers[..., start:end, :])
    >>> prefixes.find(range(20)).shape[3], prefixes.find([*range(8), *range(100)]).shape[3]
    (16, 8)
    >>> prefixes.find([7, 8, 9]), prefixes.find(range(20), "another tenant")
    (None, None)
    """

    def __init__(self, most: int = LEAST) -> None:
        self._most = most
        self._bytes = 0
        self._blocks: OrderedDict[_Key, _Block] = OrderedDict()
        self._numbers = count()
        self._lock = Lock()

    @property
    def bytes(self) -> int:
        """Bytes that are kept."""
        with self._lock:
            return self._bytes

    def find(self, ids: Sequence[int], tenant: str | None = None) -> torch.Tensor | None:
        """Keys and values of the longest beginning that is kept.

        Args:
            ids: token ids of a prompt, as far as they may be found.
            tenant: whose blocks are looked through.

        Returns:
            A copy (layers, 2, heads, tokens, size); None where nothing is kept.
        """
        with self._lock:
            known = self._known(ids, tenant)
            self._used(known)
            blocks = [self._blocks[key].numbers for key in known]
        return torch.cat(blocks, dim=3) if blocks else None

    def keep(
        self,
        ids: Sequence[int],
        read: Callable[[int, int], torch.Tensor],
        tenant: str | None = None,
    ) -> None:
        """Keep the beginning of a prompt, as far as it fills whole blocks.

        Args:
            ids: its token ids.
            read: gives the keys and values (layers, 2, heads, tokens, size) of a stretch of them.
            tenant: who may find them.
        """
        if not self._most:
            return
        with self._lock:
            keys = self._known(ids, tenant)
            start, end = len(keys) * BLOCK, len(ids) // BLOCK * BLOCK
            new = torch.split(read(start, end), BLOCK, dim=3) if start < end else ()
            for at, part in zip(range(start, end, BLOCK), new, strict=True):
                before = self._blocks[keys[-1]].number if keys else (tenant,)
                keys.append((before, tuple(ids[at : at + BLOCK])))
                # A part would hold on to the memory of the whole: it is copied.
                self._blocks[keys[-1]] = _Block(next(self._numbers), part.clone())
                self._bytes += part.nbytes
            self._used(keys)
            while self._bytes > self._most:
                self._bytes -= self._blocks.popitem(last=False)[1].numbers.nbytes

    def _known(self, ids: Sequence[int], tenant: str | None) -> list[_Key]:
        """The keys of the blocks that a prompt begins with."""
        known: list[_Key] = []
        before: Hashable = (tenant,)
        for at in range(0, len(ids) - BLOCK + 1, BLOCK):
            key = (before, tuple(ids[at : at + BLOCK]))
            if key not in self._blocks:
                break
            known.append(key)
            before = self._blocks[key].number
        return known

    def _used(self, keys: Sequence[_Key]) -> None:
        """Let blocks be the last to go, the first of them very last: without it none is found."""
        for key in reversed(keys):
            self._blocks.move_to_end(key)

    def clear(self) -> None:
        """Keep nothing of what was read so far."""
        with self._lock:
            self._blocks.clear()
            self._bytes = 0

    def after_fork(self) -> None:
        """Go on in a child process, where the thread that held the lock is no more."""
        self._lock = Lock()
