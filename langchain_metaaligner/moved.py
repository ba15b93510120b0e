"""The import paths of 0.1.0, which go on working: one table instead of a module for each.

Import from the new places in new code; the old ones are kept for as long as 0.x lasts.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import MappingProxyType, ModuleType

ROOT = "langchain_metaaligner"

MOVED = MappingProxyType(
    {
        "alignment": "edit.record",
        "data.building": "data.build",
        "data.lines": "tables.jsonl",
        "data.mentallama": "files.mentallama",
        "data.problems": "tables.problems",
        "data.research": "data.compat",
        "data.rewards": "data.score",
        "data.tables": "tables.csv",
        "data.writing": "data.spool",
        "editing": "edit.plan",
        "evaluation.asking": "evaluation.judge.ask",
        "evaluation.comparison_sections": "evaluation.report.comparison",
        "evaluation.comparison_table": "evaluation.compare.table",
        "evaluation.correlation": "evaluation.imhi.people",
        "evaluation.generation": "files.answering",
        "evaluation.gpt_score": "evaluation.imhi.gpt_score",
        "evaluation.imhi_metrics": "evaluation.imhi.scores",
        "evaluation.imhi_run": "evaluation.imhi.run",
        "evaluation.judged_wins": "evaluation.compare.judged",
        "evaluation.judging": "evaluation.judge.win_rates",
        "evaluation.label_classifiers": "evaluation.imhi.classifiers",
        "evaluation.pareto": "evaluation.compare.pareto",
        "evaluation.plots": "evaluation.report.plots",
        "evaluation.rating": "evaluation.judge.ratings",
        "evaluation.research_tables": "evaluation.judge.research_files",
        "evaluation.sections": "evaluation.report.sections",
        "evaluation.text_metrics": "evaluation.imhi.text",
        "exchange": "edit.exchange",
        "files.reading": "files.drafts",
        "files.run": "files.align",
        "files.writing": "tables.write",
        "gate": "edit.gate",
        "guard": "edit.disarm",
        "ledger": "tables.ledger",
        "models.base": "models.editing_llm",
        "models.drafting": "decode.pointer",
        "models.generation": "decode.row",
        "models.lookup": "decode.lookup",
        "models.microbatch": "decode.sharing",
        "models.objective_rewards": "rewards.load",
        "models.phrases": "decode.phrases",
        "models.plain": "decode.generate",
        "models.reading": "models.load",
        "models.reward_processes": "rewards.pool",
        "models.rewards": "rewards",
        "models.scheduler": "decode.scheduler",
        "models.slots": "decode.packed",
        "models.source": "models.spec",
        "models.streaming": "decode.pieces",
        "published": "models.published",
        "rounds": "edit.ask",
        "settings": "edit.options",
        "streaming": "edit.stream",
        "training.comparisons": "training.preference_pairs",
        "training.loading": "training.recipe_file",
        "training.methods": "training.run",
        "training.runs": "training.run",
        "upstream": "edit.question",
    }
)
"""Module of 0.1.0 to module of today, both without the package's name."""


class MovedModules(MetaPathFinder, Loader):
    """Finds the module of today under its old name; both names give the same module object."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for a module that moved; None for all others."""
        package, _, name = fullname.partition(".")
        return ModuleSpec(fullname, self) if package == ROOT and name in MOVED else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module itself, imported from where it is today."""
        module = import_module(f"{ROOT}.{MOVED[spec.name.partition('.')[2]]}")
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is run again; the module keeps the spec of its own name."""
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state


def keep_old_paths() -> None:
    """Let the import system ask for moved modules, after all other finders."""
    if not any(isinstance(finder, MovedModules) for finder in sys.meta_path):
        sys.meta_path.append(MovedModules())
