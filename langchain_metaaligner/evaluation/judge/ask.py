"""Many questions to a paid judge: several at a time, repeated after failures, never paid twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import BaseMessage
from pydantic import BaseModel
from tenacity import Retrying, stop_after_attempt, wait_random_exponential

from langchain_metaaligner.errors import MissingExtraError
from langchain_metaaligner.tables.ledger import Ledger

CHARACTERS_A_TOKEN = 4  # a rule of thumb for estimates


@dataclass(frozen=True)
class Judge:
    """A chat model that judges, and how it is asked.

    Attributes:
        model: any chat model.
        name: what the record calls it.
        concurrency: calls at the same time.
        tries: how often one call is made, at most.
        structured: whether its reply is a structured output; by itself where the model's profile
            says that it has it. Else the reply's text is read.
    """

    model: BaseChatModel
    name: str
    concurrency: int = 8
    tries: int = 5
    structured: bool | None = None

    @property
    def is_structured(self) -> bool:
        """Whether its replies are structured outputs."""
        if self.structured is not None:
            return self.structured
        return bool((self.model.profile or {}).get("structured_output"))

    def caller(
        self, schema: type[BaseModel] | None
    ) -> Callable[[Sequence[BaseMessage]], tuple[BaseMessage, str]]:
        """What makes one call and gives the message and the text that counts.

        Args:
            schema: of a structured output, with one field; None for plain text. A reply that does
                not fit it counts as it stands.
        """
        if schema is None:
            return lambda prompt: (message := self.model.invoke(list(prompt)), message.text)
        model = self.model.with_structured_output(schema, include_raw=True)

        def call(prompt: Sequence[BaseMessage]) -> tuple[BaseMessage, str]:
            told: Any = model.invoke(list(prompt))
            if told["parsed"] is None:
                return told["raw"], told["raw"].text
            (value,) = told["parsed"].model_dump().values()
            return told["raw"], str(value)

        return call


@dataclass(frozen=True)
class Reply:
    """What came back.

    Attributes:
        text: the reply; None where the call failed in the end.
        error: why it failed.
        tokens_in: tokens of the prompt, where the model tells.
        tokens_out: tokens of the reply, where the model tells.
    """

    text: str | None
    error: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0


@dataclass(frozen=True)
class Estimate:
    """What a run will cost, before it is made.

    Attributes:
        calls: calls that are still to be made.
        known: replies that the ledger has.
        tokens_in: tokens of their prompts, at about four characters each.
    """

    calls: int
    known: int
    tokens_in: int


def chat_model(name: str, **options: Any) -> BaseChatModel:
    """A chat model by its ``init_chat_model`` name, such as "openai:gpt-4o".

    Raises:
        MissingExtraError: if langchain is not installed.
    """
    try:
        from langchain.chat_models import init_chat_model
    except ImportError as error:
        raise MissingExtraError("A judge", "eval") from error
    model: BaseChatModel = init_chat_model(name, **options)
    return model


def estimate(prompts: Sequence[Sequence[BaseMessage]], ledger: Ledger) -> Estimate:
    """What asking these prompts will cost."""
    missing = [one for one in prompts if ledger.find(_key(one, ledger)) is None]
    characters = sum(len(message.text) for one in missing for message in one)
    return Estimate(len(missing), len(prompts) - len(missing), characters // CHARACTERS_A_TOKEN)


def ask_all(
    judge: Judge,
    prompts: Sequence[Sequence[BaseMessage]],
    ledger: Ledger,
    schema: type[BaseModel] | None = None,
    progress: Callable[[int], object] = lambda calls: None,
) -> list[Reply]:
    """The judge's reply to each prompt. What the ledger has is not asked again.

    A call that fails is repeated after growing pauses; one that fails to the end is an error, stays
    open in the ledger, and is tried again by the next run.

    Args:
        judge: who is asked.
        prompts: what is asked.
        ledger: where replies are kept.
        schema: of a structured output; None for plain text. See `Judge.caller`.
        progress: called with 1 after each reply.
    """
    retrying = Retrying(
        stop=stop_after_attempt(judge.tries), wait=wait_random_exponential(0.2, 20), reraise=True
    )
    call = judge.caller(schema)

    def ask(prompt: Sequence[BaseMessage]) -> Reply:
        key = _key(prompt, ledger)
        known = ledger.find(key)
        if known is None:
            try:
                message, text = retrying.copy()(call, prompt)
            except Exception as error:  # one reply must not cost the others, which were paid for
                told = f"{type(error).__name__}: {error}"
                ledger.add_failure(key, told)
                progress(1)
                return Reply(None, told)
            usage = getattr(message, "usage_metadata", None) or {}
            known = {
                "reply": text,
                "tokens_in": usage.get("input_tokens", 0),
                "tokens_out": usage.get("output_tokens", 0),
            }
            ledger.add(key, known)
        progress(1)
        return Reply(known["reply"], None, known["tokens_in"], known["tokens_out"])

    distinct = {_key(prompt, ledger): prompt for prompt in prompts}
    with ThreadPoolExecutor(judge.concurrency) as pool:
        replies = dict(zip(distinct, pool.map(ask, distinct.values()), strict=True))
    return [replies[_key(prompt, ledger)] for prompt in prompts]


def _key(prompt: Sequence[BaseMessage], ledger: Ledger) -> str:
    return ledger.key([[message.type, message.text] for message in prompt])
