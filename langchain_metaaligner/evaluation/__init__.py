"""Does the edit help? Judges, ratings, reward models, the IMHI benchmark, and one report.

Needs the extra ``eval``. Import from the modules: `evaluation.judge`, `evaluation.imhi`, ….
"""

from importlib.util import find_spec

from langchain_metaaligner.errors import MissingExtraError

if any(find_spec(package) is None for package in ("pandas", "sklearn", "jinja2", "tenacity")):
    raise MissingExtraError("Evaluation", "eval")
