"""The model behind a server: what it is asked, and how it is made ready."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from langchain_metaaligner.errors import CheckpointError, MetaAlignerError
from langchain_metaaligner.models.aligner import AlignerLLM
from langchain_metaaligner.models.editing_llm import EditingLLM
from langchain_metaaligner.runnable import MetaAlignerRunnable
from langchain_metaaligner.serve.metrics import Metrics
from langchain_metaaligner.serve.places import Places
from langchain_metaaligner.serve.settings import ServeSettings

if TYPE_CHECKING:
    from langchain_metaaligner.edit.checks import Preserved
    from langchain_metaaligner.edit.signature import TemplateName

_log = logging.getLogger("langchain_metaaligner.serve")


class Service:
    """One checkpoint, with what is under way on it.

    Args:
        settings: the server's.
        llm: a model to use instead of ``settings.model``, such as a stand-in in tests.

    Attributes:
        settings: the server's.
        llm: the model, which shares its forward passes between all requests.
        aligner: the model as ``/align`` uses it.
        places: the answers under way.
        metrics: what is counted.
        ready: whether the model has answered once.

    Raises:
        MetaAlignerError: if a setting cannot be used, or there is no such model.
    """

    def __init__(self, settings: ServeSettings, llm: EditingLLM | None = None) -> None:
        self.settings = settings
        self.llm = llm or AlignerLLM(model=settings.model, cache=False, **settings.model_kwargs)
        self.aligner = MetaAlignerRunnable(
            objectives=settings.objectives,
            request_objectives=settings.request_objectives,
            template=cast("TemplateName", settings.template),
            preserve=cast("tuple[Preserved, ...]", settings.preserve),
            llm=self.llm,
            timeout=settings.timeout,
            on_missing_question="raise",
        )
        self.metrics = Metrics()
        self.places = Places(settings.max_waiting, self.metrics.under_way)
        self.ready = False

    def load(self) -> None:
        """Read the weights and make one edit, so that no request has to wait for that.

        Raises:
            MetaAlignerError: if the model cannot be loaded, or cannot edit.
        """
        if self.ready:
            return
        try:
            self.aligner.warm_up()
        except MetaAlignerError:
            raise
        except Exception as error:  # whatever the model raised: it cannot edit
            raise CheckpointError(f"{self.settings.name} cannot edit: {error}") from error
        self.ready = True
        _log.info("%s is ready.", self.settings.name)

    def usage(self, infos: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """The tokens of some generations as OpenAI tells them; they are counted as well.

        Args:
            infos: the ``generation_info`` of each.
        """
        prompt = sum(info.get("prompt_tokens") or 0 for info in infos)
        completion = sum(info.get("completion_tokens") or 0 for info in infos)
        self.metrics.tokens("prompt", prompt)
        self.metrics.tokens("completion", completion)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        }
