"""Ready checks for ``checks=``, and what checks of your own give.

    MetaAlignerRunnable(objectives=["harmless"], checks=[CodeKept(), NothingNew("urls")])

Each is a value: it can be compared, pickled, and read in a log. None refuses an edit that is the
draft again.
"""

from __future__ import annotations

from langchain_metaaligner.checks.faithful import FaithfulToContext
from langchain_metaaligner.checks.language import LanguageKept
from langchain_metaaligner.checks.novelty import NothingNew
from langchain_metaaligner.checks.structure import CodeKept, JSONKept
from langchain_metaaligner.checks.texts import LengthKept
from langchain_metaaligner.edit.case import Case, Check, Correction, Refusal
from langchain_metaaligner.edit.checks import BoundCheck, Preserved, loops, lost, refuse

__all__ = [
    "BoundCheck",
    "Case",
    "Check",
    "CodeKept",
    "Correction",
    "FaithfulToContext",
    "JSONKept",
    "LanguageKept",
    "LengthKept",
    "NothingNew",
    "Preserved",
    "Refusal",
    "loops",
    "lost",
    "refuse",
]
