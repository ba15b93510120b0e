"""The playground: a page on this machine on which people try an aligner. Needs ``playground``."""

from importlib.util import find_spec

from langchain_metaaligner.errors import MissingExtraError

if find_spec("gradio") is None:
    raise MissingExtraError("The playground", "playground")
