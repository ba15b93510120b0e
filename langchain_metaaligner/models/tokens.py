"""Texts to token ids, by the same rules in training and inference."""

from __future__ import annotations

import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from tokenizers import normalizers, pre_tokenizers
from transformers.models.llama.tokenization_llama import LlamaTokenizer

REMEMBERED = 2**18
"""Token ids that `Encodings` remembers, at most: 1 MB, or some 300 edit prompts."""


def prompt_ids(tokenizer: Any, text: str) -> list[int]:
    """Token ids of an edit prompt, beginning of sequence included.

    Inference and training share it: a prompt is never tokenised together with what follows it,
    which would merge the space that it ends in. The name of a special token within the text
    (``</s>`` in an answer) is read as plain characters.
    """
    ids: list[int] = tokenizer(text, split_special_tokens=True, verbose=False)["input_ids"]
    return ids


def completion_ids(tokenizer: Any, text: str) -> list[int]:
    """Token ids of an edit, as it follows its prompt, with the end of sequence."""
    ids: list[int] = tokenizer(
        text, split_special_tokens=True, add_special_tokens=False, verbose=False
    )["input_ids"]
    return [*ids, tokenizer.eos_token_id]


def encode_as_sentencepiece(tokenizer: Any) -> None:
    """Make a Llama tokenizer put the word mark before every text; others stay as they are.

    Transformers 5 leaves it out before a text that begins with a space, where sentencepiece, and
    with it the research code, has it.

    Args:
        tokenizer: any tokenizer of transformers, which is changed in place.
    """
    if not isinstance(tokenizer, LlamaTokenizer):
        return
    backend = tokenizer.backend_tokenizer
    marker = backend.pre_tokenizer
    if isinstance(marker, pre_tokenizers.Metaspace) and marker.prepend_scheme != "never":
        backend.normalizer = normalizers.Sequence(
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        )
        backend.pre_tokenizer = None


class Encodings:
    """The latest texts with their ids, so that whoever asks next does not tokenise again.

    Whether an edit fits the context is asked before it is decoded; both need the same ids.

    Args:
        encode: makes the ids of a text.
        lock: held while it does: a fast tokenizer must not be set up while it is in use.
        most: how many ids are remembered.

    >>> from threading import Lock
    >>> calls = []
    >>> encodings = Encodings(lambda text: calls.append(text) or [len(text)], Lock())
    >>> encodings["abc"], encodings["abc"], calls
    ([3], [3], ['abc'])
    """

    def __init__(
        self,
        encode: Callable[[str], list[int]],
        lock: threading.Lock,
        most: int = REMEMBERED,
    ) -> None:
        self._encode = encode
        self._most = most
        self._ids: OrderedDict[str, array[int]] = OrderedDict()
        self._size = 0
        self._lock = lock

    def __getitem__(self, text: str) -> list[int]:
        """The ids of a text, as a list of the caller's own."""
        with self._lock:
            known = self._ids.get(text)
            if known is not None:
                self._ids.move_to_end(text)
                return known.tolist()
            ids = self._encode(text)
            if len(ids) <= self._most:
                self._ids[text] = array("i", ids)
                self._size += len(ids)
            while self._size > self._most:
                self._size -= len(self._ids.popitem(last=False)[1])
        return ids
