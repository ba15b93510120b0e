"""Small files of a checkpoint, from a folder or from the Hugging Face Hub."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

from huggingface_hub import (
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    try_to_load_from_cache,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from langchain_metaaligner.errors import CheckpointError

METADATA_FILE = "metaaligner.json"
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
PAUSES = (0.5, 2.0)
"""Seconds before the Hub is asked again: a blip is over by then, an outage is not."""

_TIMEOUT = 10  # seconds that one question to the Hub may take


def fetch(model: str, file: str, revision: str | None) -> Path:
    """A small file of a checkpoint on the Hub, from the cache or else downloaded.

    A download retries for half a minute where there is no network; this asks once.

    Args:
        model: id on the Hub.
        file: name of the file.
        revision: branch, tag or commit; None is the main branch.

    Returns:
        The path in the cache.

    Raises:
        OSError: or another error of huggingface_hub or httpx, when there is no such model or file,
            or the Hub cannot be reached.
    """
    cached = try_to_load_from_cache(model, file, revision=revision)
    if isinstance(cached, str):
        return Path(cached)
    if cached is not None:
        raise FileNotFoundError(f"{model} has no {file}.")
    try:
        get_hf_file_metadata(hf_hub_url(model, file, revision=revision), timeout=_TIMEOUT)
    except EntryNotFoundError:  # the download notes in the cache that there is none
        return Path(hf_hub_download(model, file, revision=revision))
    return Path(hf_hub_download(model, file, revision=revision))


def optional_file(model: str, file: str, revision: str | None) -> Path | None:
    """A file that a checkpoint may lack; None where it does.

    Args:
        model: a folder, or an id on the Hub.
        file: name of the file.
        revision: branch, tag or commit on the Hub.

    Raises:
        CheckpointError: when there is no such folder or model, and when the Hub cannot be asked:
            "it is not there" and "nobody knows" are different answers. The latter error is
            ``retryable``.
    """
    folder = Path(model).expanduser()
    if model and folder.is_dir():
        path = folder / file
        return path if path.is_file() else None
    if not HUB_ID.fullmatch(model) or folder.exists():
        raise CheckpointError(
            f"The model {model!r} is not a folder that exists. Give a folder in the layout of the "
            "Hugging Face Hub, or an id on the Hub."
        )
    for pause in (*PAUSES, None):
        try:
            return fetch(model, file, revision)
        except OfflineModeIsEnabled:  # noqa: PERF203 (three tries)
            return None  # what is not in the cache is not there: the user has said so
        except (RepositoryNotFoundError, RevisionNotFoundError, GatedRepoError):
            return None  # reading the model itself will tell, in a sentence of its own
        except Exception as error:  # the Hub, httpx and proxies raise errors of many kinds
            if _is_absence(error):
                return None
            if pause is None or not _may_pass(error):
                raise CheckpointError(
                    f"The Hub could not be asked for {file} of {model!r} "
                    f"({type(error).__name__}: {error}). Try again, or set HF_HUB_OFFLINE=1 to use "
                    "what is in the cache.",
                    retryable=True,
                ) from error
            time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def _is_absence(error: Exception) -> bool:
    """Whether the Hub or the cache knows that there is no such file.

    ``LocalEntryNotFoundError`` says that a download failed, and is a kind of both others.
    """
    missing = isinstance(error, (EntryNotFoundError, FileNotFoundError))
    return missing and not isinstance(error, LocalEntryNotFoundError)


def _may_pass(error: Exception) -> bool:
    """Whether another try can help: not where the server has answered with a refusal."""
    if isinstance(error, HfHubHTTPError) and error.response is not None:
        return error.response.status_code == 429 or error.response.status_code >= 500
    return True


def read_metadata(model: str, revision: str | None = None) -> dict[str, Any]:
    """What a checkpoint tells about itself in ``metaaligner.json``, a file that our trainer writes.

    Args:
        model: a folder, or an id on the Hub.
        revision: branch, tag or commit on the Hub.

    Returns:
        The file's content; empty where there is no such file.

    Raises:
        CheckpointError: when the file is there and is not a JSON object, or as `optional_file`.
    """
    path = optional_file(model, METADATA_FILE, revision)
    if path is None:
        return {}
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{path} is not valid JSON: {error}. Repair or delete it.") from error
    if not isinstance(metadata, dict):
        raise CheckpointError(f"{path} must hold a JSON object. Repair or delete it.")
    return metadata
