"""What decoding knows of a model: `DecoderModel`.

`models.checkpoint.Checkpoint` is one. Decoding stands below the models, so it names what it needs
and imports none of them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from langchain_metaaligner.decode.pace import Pace
    from langchain_metaaligner.decode.phrases import Phrases
    from langchain_metaaligner.decode.prefixes import Prefixes
    from langchain_metaaligner.decode.sharing import SharedCalls


class DecoderModel(Protocol):
    """A decoder language model with its tokenizer.

    Attributes:
        name: what errors and the log call it.
        model: the transformers model. Nobody else runs this object: its config changes during a
            packed pass.
        tokenizer: its tokenizer.
        pad_id: the token id that fills a batch.
        eos_ids: the token ids that end an answer.
        exclusive: False where modules are shared with somebody who may run them at any time, so
            that no packed pass is possible.
        generating: held around every forward pass. A second generation on the same weights would
            compete for the same cores or the same GPU memory, and finish neither sooner.
        pace: what guesses and forward passes were worth so far.
        phrases: what edits wrote that stood in none of their drafts.
        prefixes: keys and values of what prompts began with.
        shared: the batches that concurrent calls share.
    """

    name: str
    model: Any
    tokenizer: Any
    pad_id: int
    eos_ids: frozenset[int]
    exclusive: bool
    generating: threading.Lock
    pace: Pace
    phrases: Phrases
    prefixes: Prefixes
    shared: SharedCalls

    @property
    def marks(self) -> tuple[int, ...]:
        """Ids of the tokens with which an extractive model marks words; else none."""

    @property
    def context_length(self) -> int | None:
        """Tokens that a prompt and its continuation may take together; None: no limit is known."""

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of prompts, beginning of sequence included."""

    def token_places(self, text: str) -> list[tuple[int, int]]:
        """Where each token of a prompt stands in it: its first character and the one behind."""

    def encode_answer(self, text: str) -> list[int]:
        """Token ids of an answer as the model would write it: apart from its prompt, no end."""

    def decode(self, ids: Sequence[int]) -> str:
        """Text of an answer's token ids."""
