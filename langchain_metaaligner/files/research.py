"""A file aligned as the research script aligns it, to the byte.

Source: ``inference/aligner_inference.py``. Against the default: cells are read as pandas reads them
(an empty answer is the text ``nan`` in its prompt, backslashes double with every hop), prompts are
not guarded, edits are neither checked nor cleaned, and the output has four columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from langchain_core.language_models.llms import BaseLLM

from langchain_metaaligner.errors import DataError, TemplateError
from langchain_metaaligner.files.align import Progress, ledger_of
from langchain_metaaligner.files.engines import llm_settings
from langchain_metaaligner.objectives import Objective
from langchain_metaaligner.tables.ledger import Failure, Ledger
from langchain_metaaligner.tables.whole import whole_file
from langchain_metaaligner.tables.write import check_output
from langchain_metaaligner.templates import TEMPLATES, EditTemplate

COLUMNS = ("query", "goldens", "generated_text")


def research_template(model: str) -> EditTemplate:
    """The template that the script chooses by the model's path, case and order as there.

    Raises:
        TemplateError: where no data set stands in the path.

    >>> research_template("HH-RLHF-UltraFeedback").name
    'HH-RLHF'
    """
    for template in TEMPLATES.values():
        if template.name in model:
            return template
    raise TemplateError(
        f"Unknown aligner path! The research script looks for HH-RLHF, UltraFeedback or IMHI in "
        f"the model's path, and {model!r} has none. Name the template with --template."
    )


def read_frame(path: Path) -> Any:
    """A CSV file as the research's scripts read it: pandas' defaults, no escape character.

    Raises:
        DataError: if there is no such file.
    """
    import pandas

    if not path.is_file():
        raise DataError(f"There is no file {path}. Give the path of an existing CSV file.")
    return pandas.read_csv(path)


def write_frame(frame: Any, path: Path) -> None:
    """A data frame as the research's scripts write it: every backslash doubled, no index."""
    frame.to_csv(path, index=False, escapechar="\\")


def align_as_research(
    source: Path,
    output: Path,
    llm: BaseLLM,
    template: EditTemplate,
    objectives: Sequence[Objective],
    *,
    batch_size: int = 3,
    force: bool = False,
    progress: Progress = lambda rows: None,
) -> int:
    """Align a CSV file as the research script does. Resumable as `align_file`.

    Args:
        source: a CSV file with ``query``, ``goldens`` and ``generated_text``.
        output: where ``query, goldens, origin_responses, aligned_responses`` go.
        llm: the aligner.
        template: the edit template.
        objectives: what is asked for, in this order.
        batch_size: prompts in one call of the model.
        force: whether a file that no earlier run wrote may be replaced.
        progress: called with the number of rows done since the last call.

    Returns:
        The number of rows.

    Raises:
        DataError: if a column is missing, or the output is an input or a file of somebody else.
        LedgerError: see `Ledger`.
    """
    check_output(output, [source], ledger_of(output), force)
    frame = read_frame(source)
    absent = [name for name in COLUMNS if name not in frame.columns]
    if absent:
        raise DataError(
            f"{source} lacks the columns {', '.join(absent)}. It has: {', '.join(frame.columns)}. "
            "The research script needs query, goldens and generated_text."
        )
    prompts = (
        template.format(question, str(answer), objectives)
        for question, answer in zip(frame["query"], frame["generated_text"], strict=True)
    )
    settings = {
        "model": getattr(llm, "display_name", type(llm).__name__),
        "llm": llm_settings(llm),
        "template": template.name,
        "objectives": [objective.name for objective in objectives],
        "research_compat": True,
    }
    with Ledger(ledger_of(output), settings) as ledger:
        edits = list(_edits(prompts, ledger, llm, batch_size, progress))
    frame = frame[list(COLUMNS)].rename(columns={"generated_text": "origin_responses"})
    frame["aligned_responses"] = edits
    with whole_file(output) as unfinished:
        write_frame(frame, unfinished)
    return len(frame)


def _edits(
    prompts: Iterator[str],
    ledger: Ledger,
    llm: BaseLLM,
    size: int,
    progress: Progress,
) -> Iterator[str]:
    def make(missing: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
        return ((at, {"text": text}) for at, text in enumerate(llm.batch(list(missing))))

    while batch := list(islice(prompts, size)):
        for record in ledger.complete(batch, make, content=lambda prompt: [prompt]):
            assert not isinstance(record, Failure)
            yield str(record["text"])
        progress(len(batch))
