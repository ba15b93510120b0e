"""Loaded checkpoints: one copy of the weights per process, shared by all who name it."""

from __future__ import annotations

import copy
import logging
import math
import threading
import uuid
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transformers import GenerationConfig

from langchain_metaaligner.decode.pace import Pace
from langchain_metaaligner.decode.phrases import Phrases
from langchain_metaaligner.decode.prefixes import LEAST, Prefixes
from langchain_metaaligner.decode.sharing import SharedCalls
from langchain_metaaligner.errors import CheckpointError
from langchain_metaaligner.models.forks import watch
from langchain_metaaligner.models.load import read, require_decoder
from langchain_metaaligner.models.spec import CheckpointSpec, read_metadata, resolve
from langchain_metaaligner.models.tokens import (
    Encodings,
    completion_ids,
    encode_as_sentencepiece,
    prompt_ids,
)
from langchain_metaaligner.models.twin import twin
from langchain_metaaligner.weights.device import best_threads, use_best_threads
from langchain_metaaligner.weights.hub import HUB_ID
from langchain_metaaligner.weights.loading import reading

logger = logging.getLogger("langchain_metaaligner")

__all__ = ["Checkpoint", "CheckpointSpec", "adopt", "load", "resolve", "unload"]


@dataclass(eq=False)
class Checkpoint:
    """A model with its tokenizer, ready to generate: a `decode.model.DecoderModel`.

    `encode` and `decode` may be called from any thread.

    Attributes:
        name: what the caller asked for: "mini", a folder, or an id on the Hub.
        model: the transformers model, on its device. Its generation config holds the ids of the
            special tokens and nothing else: sampling defaults of a checkpoint do not apply.
        tokenizer: its tokenizer: left padding, ``<unk>`` as the pad token, as in the research code.
        pad_id: the token id that fills a batch, hidden from the model by the attention mask.
        eos_ids: the token ids that end an answer.
        metadata: the content of ``metaaligner.json``; empty where the checkpoint has none.
        exclusive: whether nobody else runs the modules of ``model``. False where a pipeline was
            taken over whose modules cannot be doubled (`models.twin`).
        generating: held around every forward pass. A second generation on the same weights would
            compete for the same cores or the same GPU memory, and finish neither sooner.
        pace: what guesses and forward passes were worth so far.
        phrases: what edits wrote that stood in none of their drafts.
        prefixes: keys and values of what prompts began with. None are kept where the weights are
            somebody else's, who may change them at any time.
        shared: the batches that concurrent calls share.
    """

    name: str
    model: Any
    tokenizer: Any
    pad_id: int
    eos_ids: frozenset[int]
    metadata: Mapping[str, Any]
    exclusive: bool = True
    generating: threading.Lock = field(default_factory=threading.Lock, repr=False)
    pace: Pace = field(default_factory=Pace, repr=False)
    phrases: Phrases = field(default_factory=Phrases, repr=False)
    prefixes: Prefixes = field(default_factory=lambda: Prefixes(most=0), repr=False)
    shared: SharedCalls = field(default_factory=SharedCalls, repr=False)

    def __post_init__(self) -> None:
        self._tokenizing = threading.Lock()
        self._remember()
        watch(self)

    def _remember(self) -> None:
        self._prompts = Encodings(lambda text: prompt_ids(self.tokenizer, text), self._tokenizing)
        self._answers = Encodings(
            lambda text: completion_ids(self.tokenizer, text)[:-1], self._tokenizing
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> Checkpoint:
        return self

    @property
    def context_length(self) -> int | None:
        """Tokens that a prompt and its continuation may take together; None: no limit is known."""
        return getattr(self.model.config, "max_position_embeddings", None)

    @property
    def caution(self) -> float:
        """How sure the checkpoint must be to depart from a draft, as its metadata says; else 0.

        Raises:
            CheckpointError: if that is no number from 0 on.
        """
        caution = self.metadata.get("caution", 0.0)
        number = isinstance(caution, int | float) and not isinstance(caution, bool)
        if not number or not 0 <= caution < math.inf:
            raise CheckpointError(
                f"The metadata of {self.name!r} has caution={caution!r}, which is to be a number "
                "from 0 on. Mend its metaaligner.json, or give AlignerLLM a caution of your own."
            )
        return float(caution)

    @property
    def marks(self) -> tuple[int, ...]:
        """Ids of the tokens with which an extractive checkpoint marks words; else none.

        Raises:
            CheckpointError: if its metadata names other than four tokens of its vocabulary.
        """
        marks = self.metadata.get("marks", ())
        size = self.model.config.vocab_size
        known = isinstance(marks, list | tuple) and all(
            isinstance(one, int) and 0 <= one < size for one in marks
        )
        if not known or len(marks) not in (0, 4):
            raise CheckpointError(
                f"The metadata of {self.name!r} has marks={marks!r}, which are to be the ids of "
                f"four tokens below {size}. Mend its metaaligner.json, or leave them out."
            )
        return tuple(marks)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, beginning of sequence included, neither padded nor truncated.

        The name of a special token within a text (``</s>`` in an answer) is read as plain
        characters: nobody's answer can end the prompt that it stands in.

        Args:
            texts: any number of texts.

        Returns:
            One list of ids per text, in order.
        """
        return [self._prompts[text] for text in texts]

    def token_places(self, text: str) -> list[tuple[int, int]]:
        """Where each token of a prompt stands in it: its first character and the one behind.

        Raises:
            CheckpointError: if the tokenizer cannot tell.
        """
        if not self.tokenizer.is_fast:
            raise CheckpointError(
                f"The tokenizer of {self.name!r} does not tell where its tokens stand. An "
                "extractive checkpoint needs a tokenizer.json."
            )
        with self._tokenizing:
            encoded = self.tokenizer(
                text, split_special_tokens=True, return_offsets_mapping=True, verbose=False
            )
        return [tuple(place) for place in encoded["offset_mapping"]]

    def encode_answer(self, text: str) -> list[int]:
        """Token ids of an answer as the model would write it: apart from its prompt, no end.

        Args:
            text: the answer.
        """
        return self._answers[text]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of an answer's token ids: special tokens left out, nothing stripped.

        Args:
            ids: token ids without the prompt's.

        Returns:
            The text as the research code decodes it.
        """
        with self._tokenizing:
            text: str = self.tokenizer.decode(
                ids,
                skip_special_tokens=True,
                spaces_between_special_tokens=False,
                clean_up_tokenization_spaces=False,
            )
        return text

    def after_fork(self) -> None:
        """Go on in a child process, where the threads that held locks or decoded are no more."""
        self.generating = threading.Lock()
        self._tokenizing = threading.Lock()
        self._remember()
        self.shared = SharedCalls()
        self.pace.after_fork()
        self.phrases.after_fork()
        self.prefixes.after_fork()


_loaded: dict[CheckpointSpec, Checkpoint] = {}
_adopted: weakref.WeakValueDictionary[str, Checkpoint] = weakref.WeakValueDictionary()


def load(spec: CheckpointSpec) -> Checkpoint:
    """The checkpoint of a spec: read at the first call, the same object at every later one.

    It stays in memory until `unload`, because LangChain rebuilds runnables at will (for every
    reconfigured call) and a rebuilt one must find it again. One lock serves all loads:
    transformers changes torch's process-wide default dtype while it reads weights.

    Args:
        spec: which weights, and how to hold them.

    Returns:
        The loaded checkpoint. A failed load is not remembered: the next call tries again.

    Raises:
        CheckpointError: when it does not exist, is broken, or is no decoder language model.
        MissingExtraError: when ``quantization`` is given and bitsandbytes is not installed.
    """
    if spec.adopted is not None and (held := _adopted.get(spec.adopted)) is not None:
        return held
    if spec.adopted is not None and not spec.model:
        raise CheckpointError(
            "The model of this pipeline was made in memory and has no name to be read by again. "
            "Save it and its tokenizer with save_pretrained, and give that folder as model=."
        )
    key = spec.resolved()
    if (loaded := _loaded.get(key)) is not None:
        return loaded
    with reading():
        if key not in _loaded:
            metadata = read_metadata(key)  # before the weights, which take longer to fail
            use_best_threads()
            model, tokenizer = read(key)
            logger.info(
                "%r is held in %s on %s; a CPU computes with %d threads (%s).",
                spec.model,
                key.dtype,
                key.device or "several devices",
                *best_threads(),
            )
            checkpoint = _prepared(spec.model, model, tokenizer, metadata)
            checkpoint.prefixes = Prefixes(_kept_bytes(model))
            _loaded[key] = checkpoint
        return _loaded[key]


def _kept_bytes(model: Any) -> int:
    """How many bytes of keys and values are kept: what is little beside the weights themselves."""
    weights: int = sum(parameter.nbytes for parameter in model.parameters())
    return max(LEAST, weights // 8)


def unload() -> None:
    """Forget every loaded checkpoint. Its memory is freed once no runnable holds it any more."""
    with reading():
        _loaded.clear()


def adopt(model: Any, tokenizer: Any) -> tuple[CheckpointSpec, Checkpoint]:
    """Take over a model and a tokenizer that are in memory already, without changing either.

    Args:
        model: a transformers decoder model, whose weights are shared.
        tokenizer: its tokenizer, which is copied.

    Returns:
        A spec, and the checkpoint that `load` answers it with while anything refers to that
        checkpoint. Afterwards, and in other processes, the spec stands for the model's own name.

    Raises:
        CheckpointError: when the model is no decoder language model.
    """
    model = getattr(model, "_orig_mod", model)  # what torch.compile(model) wraps
    require_decoder(model.config, [type(model).__name__], model.name_or_path)
    spec = CheckpointSpec(model=model.name_or_path, adopted=uuid.uuid4().hex)
    own = twin(model)
    checkpoint = _prepared(
        spec.model,
        copy.copy(model) if own is None else own,
        copy.deepcopy(tokenizer),
        _metadata_of(spec),
        exclusive=own is not None,
    )
    _adopted[str(spec.adopted)] = checkpoint
    return spec, checkpoint


def _metadata_of(spec: CheckpointSpec) -> dict[str, Any]:
    """The metadata of a model that is in memory already, if what it is called leads to some."""
    known = spec.model and (Path(spec.model).is_dir() or HUB_ID.fullmatch(spec.model))
    if not known:
        return {}  # made in memory, or its folder is gone
    try:
        return read_metadata(spec)
    except CheckpointError as error:
        if not error.retryable:
            raise
        logger.warning(
            "Whether %r names its edit template is not known: %s Without it the template goes by "
            "the model's name; set template= to be sure.",
            spec.model,
            error,
        )
        return {}


def _prepared(
    name: str, model: Any, tokenizer: Any, metadata: Mapping[str, Any], exclusive: bool = True
) -> Checkpoint:
    encode_as_sentencepiece(tokenizer)
    tokenizer.padding_side = "left"
    tokenizer.pad_token = tokenizer.unk_token or tokenizer.pad_token or tokenizer.eos_token
    eos = model.generation_config.eos_token_id
    if eos is None:
        eos = tokenizer.eos_token_id
    eos_ids = eos if isinstance(eos, list) else [eos] if eos is not None else []
    pad_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        bos_token_id=tokenizer.bos_token_id, eos_token_id=eos_ids or None, pad_token_id=pad_id
    )
    return Checkpoint(name, model, tokenizer, pad_id, frozenset(eos_ids), metadata, exclusive)
