"""Reads recipes from YAML files, and tells what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from langchain_metaaligner.errors import MetaAlignerError, RecipeError, nearest
from langchain_metaaligner.training.baselines import RECIPES, AnyRecipe
from langchain_metaaligner.training.recipe import STAGES, Data, Lora, Stage


def load_recipe(path: Path | str, overrides: Sequence[str] = ()) -> AnyRecipe:
    """Read a recipe and change some of its values.

    The key ``method`` decides which recipe it is: aligner (also where there is no such key), sft,
    cdpo, reward-model or morlhf.

    Args:
        path: a YAML file.
        overrides: ``key=value`` with dots into sections, such as ``stages.equal.epochs=1``; the
            value is read as YAML, and ``null`` takes a section out.

    Raises:
        RecipeError: if the file cannot be read, a key is unknown or missing, or a value cannot
            work; the message names the nearest key.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise RecipeError(
            f"The recipe {path} cannot be read: {error}. Give a YAML file, such as one of recipes/."
        ) from error
    if not isinstance(values, dict):
        raise RecipeError(f"{path} holds no mapping of settings. See the files of recipes/.")
    for override in overrides:
        _override(values, override)
    method = values.get("method", "aligner")
    if method not in RECIPES:
        raise RecipeError(
            f"{path}: method = {method!r} is unknown.{nearest(str(method), RECIPES)} "
            f"Give one of: {', '.join(RECIPES)}."
        )
    schema = RECIPES[method]
    try:
        return schema.model_validate(values)
    except ValidationError as report:
        raise RecipeError(f"{path}: {_message(report, schema)}") from None


def _override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise RecipeError(
            f"{override!r} changes nothing. Write key=value, such as stages.equal.epochs=1."
        )
    *path, last = key.split(".")
    section = values
    for part in path:
        if section.get(part) is None:
            section[part] = {}
        section = section[part]
        if not isinstance(section, dict):
            raise RecipeError(f"{override!r}: {part} is a value, not a section.")
    try:
        section[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"{override!r}: the value is no YAML: {error}.") from error
    if section[last] is None and path:
        del section[last]


def _message(report: ValidationError, schema: type[BaseModel]) -> str:
    """Put a problem in a sentence: an unknown key first, as it may be a missing one misspelt."""
    problem = min(report.errors(), key=lambda one: one["type"] != "extra_forbidden")
    cause = problem.get("ctx", {}).get("error")
    if isinstance(cause, MetaAlignerError):
        return str(cause)
    *path, key = [str(part) for part in problem["loc"] if part != "[key]"] or ["recipe"]
    where = ".".join([*path, key])
    allowed = _keys(path, schema)
    if problem["type"] in ("extra_forbidden", "literal_error") and key not in allowed:
        return f"unknown key {where!r}.{nearest(key, allowed)} Known here: {', '.join(allowed)}."
    if problem["type"] == "missing":
        return f"{where!r} is missing. Add it to the file, or give {where}=VALUE."
    return f"{where} = {problem['input']!r:.100} cannot be used: {problem['msg']}."


def _keys(path: Sequence[str], schema: type[BaseModel]) -> list[str]:
    """The keys that may stand in a section of a recipe."""
    if not path:
        return list(schema.model_fields)
    if path[0] == "stages":
        return list(STAGES) if len(path) == 1 else list(Stage.model_fields)
    if path[0] == "objectives":
        return list(Data.model_fields)
    return list(Lora.model_fields)
