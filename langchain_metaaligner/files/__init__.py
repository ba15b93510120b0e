"""Whole files of drafts, corrected in a stream and resumable. Needs the extra ``files``."""

from importlib.util import find_spec

from langchain_metaaligner.errors import MissingExtraError

if any(find_spec(package) is None for package in ("datasets", "pandas", "pyarrow")):
    raise MissingExtraError("Aligning files", "files")
