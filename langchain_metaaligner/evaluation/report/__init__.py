"""One self-contained page of any number of evaluations."""

from langchain_metaaligner.evaluation.report.page import (
    as_html,
    as_markdown,
    make_report,
    sections_of,
)

__all__ = ["as_html", "as_markdown", "make_report", "sections_of"]
