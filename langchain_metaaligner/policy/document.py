"""What stands in a policy file: named policies, and the rules that choose among them.

The options of a policy are those of `MetaAlignerRunnable`: the model of the file is made from the
model of the options, so that a new option needs nothing here.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.fields import FieldInfo

from langchain_metaaligner.edit.options import AlignerSettings
from langchain_metaaligner.errors import MetaAlignerError, PolicyError, nearest
from langchain_metaaligner.policy.ready_checks import READY, ready_check
from langchain_metaaligner.policy.yaml_lines import Lines, Place, read_lines

_STRICT = ConfigDict(extra="forbid", arbitrary_types_allowed=True, protected_namespaces=())

_AS_WRITTEN: Mapping[str, Any] = {
    "objectives": list[str] | dict[str, str],
    "request_objectives": Literal["named", "any", "none"] | list[str] | dict[str, str],
    "template": Literal["auto", "HH-RLHF", "UltraFeedback", "IMHI"],
    "checks": list[Any],
    "preserve": list[Literal["code", "urls", "numbers", "citations"]],
}
"""Options that a file writes in a simpler form than Python code."""

_NOT_HERE = frozenset({"name"})
"""Fields of a runnable that are no options of an aligner."""


class Rule(BaseModel):
    """Which policy applies when. All conditions of a rule must hold; the first such rule counts."""

    model_config = _STRICT

    use: str = Field(description="The name of the policy.")
    configurable: dict[str, Any] | None = Field(
        None, description="Keys of the request's `configurable`, with a value or a list of values."
    )
    context: dict[str, Any] | None = Field(
        None, description="The same for LangGraph's `context`, a dict or an object."
    )
    tags: str | list[str] | None = Field(None, description="Any of these tags of the run.")
    language: str | list[str] | None = Field(
        None, description="The draft's language, by ISO 639-1 codes such as de."
    )

    @property
    def is_conditional(self) -> bool:
        """Whether there is anything that must hold."""
        return any((self.configurable, self.context, self.tags, self.language))


def _policy_model() -> type[BaseModel]:
    """One policy: the options of an aligner as a file writes them."""
    fields: dict[str, Any] = {}
    for name, field in AlignerSettings.model_fields.items():
        if name not in _NOT_HERE:
            fields[name] = _as_written(name, field)
    return create_model(
        "Policy", __config__=_STRICT, __doc__="Options of MetaAlignerRunnable.", **fields
    )


def _as_written(name: str, field: FieldInfo) -> tuple[Any, FieldInfo]:
    if name in _AS_WRITTEN:
        default = ... if field.is_required() else field.get_default(call_default_factory=True)
        return _AS_WRITTEN[name], Field(default)
    if _is_python(field.annotation):
        return Any, Field(field.default, description="An object of Python code: !python a.b:c")
    return field.annotation, copy.copy(field)


def _is_python(annotation: Any) -> bool:
    """Whether values of a type are objects that JSON, and so a file, cannot hold."""
    try:
        create_model("Probe", __config__=_STRICT, value=(annotation, ...)).model_json_schema()
    except Exception:  # pydantic has several errors for types without a schema
        return True
    return False


Policy = _policy_model()


class PolicyDocument(BaseModel):
    """A policy file."""

    model_config = ConfigDict(**_STRICT, title="MetaAligner policies")

    policies: dict[str, Policy] = Field(  # type: ignore[valid-type]
        min_length=1, description="Policies by name: options of MetaAlignerRunnable."
    )
    default: str | None = Field(
        None, description="The policy where no rule applies; needed where there are several."
    )
    rules: list[Rule] = Field(
        default_factory=list, description="The first rule whose conditions all hold counts."
    )
    request_objectives: Literal["named", "any", "none"] | list[str] | None = Field(
        None, description="What a request may ask for, in policies that do not say it themselves."
    )

    def options(self, name: str) -> dict[str, Any]:
        """The options of one policy, as `MetaAlignerRunnable` takes them.

        Raises:
            SettingError: if a ready check has options that it cannot use.
        """
        policy: BaseModel = self.policies[name]
        options = {field: getattr(policy, field) for field in policy.model_fields_set}
        if self.request_objectives is not None:
            options.setdefault("request_objectives", self.request_objectives)
        if "checks" in options:
            options["checks"] = [ready_check(check) for check in options["checks"]]
        return options

    @property
    def fallback(self) -> str:
        """The policy where no rule applies."""
        return self.default or next(iter(self.policies))


def json_schema() -> dict[str, Any]:
    """The JSON schema of a policy file, by which editors complete and check it."""
    schema = PolicyDocument.model_json_schema()
    check = {"enum": list(READY)}
    ready = {"type": "object", "propertyNames": check, "minProperties": 1, "maxProperties": 1}
    schema["$defs"]["Policy"]["properties"]["checks"]["items"] = {"anyOf": [check, ready, {}]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def read_policy(path: Path | str) -> tuple[PolicyDocument, Lines]:
    """Read a policy file.

    Args:
        path: a YAML file.

    Returns:
        What stands in it, and where.

    Raises:
        PolicyError: if it cannot be read, has an unknown key, or names what there is not; the
            message tells the line and the nearest key.
    """
    lines = read_lines(Path(path))
    if not isinstance(lines.value, Mapping):
        raise lines.error((), "a policy file is a mapping that begins with `policies:`.")
    try:
        document = PolicyDocument.model_validate(lines.value)
    except ValidationError as report:
        raise _told(report, lines) from None
    _require_names(document, lines)
    return document, lines


def _require_names(document: PolicyDocument, lines: Lines) -> None:
    names = list(document.policies)
    if document.default is None and len(names) > 1:
        raise lines.error(
            ("policies",),
            f"there are several policies and no default. Write default: {names[0]}.",
        )
    wanted: list[tuple[Place, str]] = [(("default",), document.fallback)]
    for at, rule in enumerate(document.rules):
        if not rule.is_conditional:
            raise lines.error(
                ("rules", at),
                f"this rule has no condition, so none after it would count. Write default: "
                f"{rule.use}, or one of: configurable, context, tags, language.",
            )
        wanted.append((("rules", at, "use"), rule.use))
    for place, name in wanted:
        if name not in names:
            raise lines.error(
                place,
                f"there is no policy {name!r}.{nearest(name, names)} "
                f"The policies are: {', '.join(names)}.",
            )


def _told(report: ValidationError, lines: Lines) -> PolicyError:
    """The first problem, an unknown key before all others: it may be a missing one misspelt."""
    problem = min(report.errors(), key=lambda one: one["type"] != "extra_forbidden")
    # pydantic puts the names of a union's members into the way to a value
    place = _known_part(problem["loc"], lines)
    cause = problem.get("ctx", {}).get("error")
    if isinstance(cause, MetaAlignerError):
        return lines.error(place, str(cause))
    key = str(problem["loc"][-1])
    if problem["type"] == "extra_forbidden":
        allowed = _allowed(place[:-1])
        return lines.error(
            place, f"unknown key {key!r}.{nearest(key, allowed)} Known here: {', '.join(allowed)}."
        )
    if problem["type"] == "missing":
        return lines.error(place, f"{key!r} is missing.")
    where = next((part for part in reversed(place) if isinstance(part, str)), "the file")
    return lines.error(
        place, f"{where}: {problem['input']!r:.100} cannot be used: {problem['msg']}."
    )


def _known_part(parts: Sequence[str | int], lines: Lines) -> Place:
    place: Place = ()
    for part in parts:
        if (*place, part) not in lines.at:
            break
        place = (*place, part)
    return place


def _allowed(place: Place) -> list[str]:
    """The keys that may stand in a mapping of the file."""
    if len(place) == 2 and place[0] == "policies":
        return sorted(Policy.model_fields)
    if len(place) == 2 and place[0] == "rules":
        return list(Rule.model_fields)
    return list(PolicyDocument.model_fields)
