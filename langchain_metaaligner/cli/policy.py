"""``metaaligner policy``: what stands in a policy file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from langchain_metaaligner.cli.command import CommandGroup
from langchain_metaaligner.cli.options import AsJson

if TYPE_CHECKING:
    from langchain_metaaligner.policy.reloading import Policies

CHECK_EXAMPLES = (
    "metaaligner policy check policy.yaml",
    "metaaligner policy check policy.yaml --json",
)
SCHEMA_EXAMPLES = ("metaaligner policy schema > policy.schema.json",)

policy = typer.Typer(
    name="policy",
    cls=CommandGroup,
    help="Check policy files.",
    no_args_is_help=True,
)


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The policy file, YAML.")],
    as_json: AsJson = False,
) -> None:
    """Read a policy file as an app would, and say what it does.

    Models are looked for and not loaded. A mistake names its line and the nearest key.
    """
    from langchain_metaaligner.policy.reloading import Policies
    from langchain_metaaligner.runnable import MetaAlignerRunnable

    policies = Policies.read(file, MetaAlignerRunnable)
    if as_json:
        sys.stdout.write(json.dumps(_facts(policies), indent=2, default=str) + "\n")
        return
    document = policies.document
    for name, aligner in policies.aligners.items():
        objectives = ", ".join(objective.name for objective in aligner.objectives)
        default = " (default)" if name == document.fallback else ""
        sys.stdout.write(f"{name}{default}: {objectives}; model {aligner.model}\n")
    for number, rule in enumerate(document.rules, 1):
        conditions = rule.model_dump(exclude={"use"}, exclude_none=True)
        told = "; ".join(f"{key} {value}" for key, value in conditions.items())
        sys.stdout.write(f"rule {number}: {rule.use} where {told}\n")
    sys.stdout.write(f"{file} is fine.\n")


def _facts(policies: Policies) -> dict[str, object]:
    document = policies.document
    return {
        "default": document.fallback,
        "policies": {name: document.options(name) for name in document.policies},
        "rules": [rule.model_dump(exclude_none=True) for rule in document.rules],
    }


def schema() -> None:
    """Print the JSON schema of policy files, by which editors complete and check them."""
    from langchain_metaaligner.policy.document import json_schema

    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")
