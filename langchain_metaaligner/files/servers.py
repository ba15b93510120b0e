"""An aligner that a server runs, behind an OpenAI-compatible ``/v1/completions``."""

from __future__ import annotations

import os

from langchain_core.language_models.llms import BaseLLM
from pydantic import SecretStr

from langchain_metaaligner.errors import MissingExtraError


def served(
    model: str,
    base_url: str,
    max_new_tokens: int = 1024,
    rows: int = 16,
    timeout: float = 120.0,
    retries: int = 6,
) -> BaseLLM:
    """A LangChain LLM for an aligner on a server such as vLLM's or TGI's.

    Decoding is greedy. A request that fails or takes too long is repeated after a growing pause.
    One request at a time is under way, with up to ``rows`` prompts, which the server answers
    together: it is never asked for more than it has been given.

    Args:
        model: the name under which the server has the model.
        base_url: of the server, with ``/v1``. The key is read from ``OPENAI_API_KEY``.
        max_new_tokens: tokens that an edit may take.
        rows: prompts in one request.
        timeout: seconds that one request may take.
        retries: times that a request is repeated.

    Raises:
        MissingExtraError: if langchain-openai is not installed.
    """
    try:
        from langchain_openai import OpenAI
    except ImportError as error:
        raise MissingExtraError("A model behind a server", "server") from error
    return OpenAI(
        model=model,
        base_url=base_url,
        api_key=SecretStr(os.environ.get("OPENAI_API_KEY", "none")),
        max_tokens=max_new_tokens,
        temperature=0.0,
        batch_size=rows,
        timeout=timeout,
        max_retries=retries,
    )
