"""What programs read in an answer: JSON and code."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pydantic import BaseModel, ValidationError

from langchain_metaaligner.edit.case import Refusal
from langchain_metaaligner.errors import MissingExtraError, SettingError


@dataclass(frozen=True)
class JSONKept:
    """Refuses an edit that is not JSON any more, or has another schema.

    JSON is an object or an array that is the whole answer, or stands in a fenced code block.

    Args:
        schema: a pydantic class or a JSON schema (``pip install 'langchain-metaaligner[checks]'``),
            which the edit must fit whatever the draft is. Without one the draft is the pattern:
            the same keys with values of the same types, and items of arrays like those of the
            draft's, in any number. A draft without JSON then has nothing to keep.

    Raises:
        SettingError: if the schema is neither.

    >>> JSONKept()('{"tip": "Wash it cold, fool."}', '{"tip": "Wash it cold."}')
    >>> JSONKept()('{"tip": "Wash it cold."}', "Wash it cold.").detail
    'The edit is not JSON any more.'
    """

    schema: type[BaseModel] | Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.schema, Mapping):
            _validator(self.schema)
        elif self.schema is not None and not _is_model(self.schema):
            raise SettingError(
                f"JSONKept: schema={self.schema!r:.200}. Give a pydantic class, or a JSON schema."
            )

    def __call__(self, draft: str, edit: str) -> Refusal | None:
        """The refusal, or None."""
        found = json_of(edit)
        if self.schema is not None:
            problem = "it is no JSON." if len(found) != 1 else self._misfit(found[0])
            detail = f"The edit does not fit the schema: {problem}"
            return Refusal("json", detail) if problem else None
        patterns = json_of(draft)
        if not patterns:
            return None
        if not found or (_parsed(draft) is None) != (_parsed(edit) is None):
            return Refusal("json", "The edit is not JSON any more.")
        if len(found) != len(patterns):
            detail = f"The edit has {len(found)} pieces of JSON, the draft {len(patterns)}."
            return Refusal("json", detail)
        for value, pattern in zip(found, patterns, strict=True):
            if problem := next(_differences(value, pattern, "$"), None):
                return Refusal("json", f"The JSON of the edit has another schema: {problem}")
        return None

    def _misfit(self, value: Any) -> str | None:
        if isinstance(self.schema, Mapping):
            error = next(iter(_validator(self.schema).iter_errors(value)), None)
            return error and f"{error.json_path}: {error.message:.200}."
        assert self.schema is not None
        try:
            self.schema.model_validate_json(json.dumps(value))
        except ValidationError as report:
            first = report.errors()[0]
            return f"{'.'.join(map(str, first['loc'])) or '$'}: {first['msg']}."
        return None


def json_of(text: str) -> list[Any]:
    r"""The JSON objects and arrays in a text: the whole text, or those in fenced blocks.

    >>> json_of('Here it is:\n```json\n{"a": 1}\n```')
    [{'a': 1}]
    """
    whole = _parsed(text)
    if whole is not None:
        return [whole]
    tokens = _tokens(text) if "```" in text or "~~~" in text else []
    blocks = (_parsed(token.content) for token in tokens if token.type == "fence")
    return [value for value in blocks if value is not None]


def _parsed(text: str) -> Any:
    """The object or array that a text is, as JSON has it; None for any other text."""
    if not text.strip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text, object_pairs_hook=_without_twins, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _differences(value: Any, pattern: Any, path: str) -> Iterator[str]:
    """Where a value is not like a pattern."""
    kind, wanted = _kind(value), _kind(pattern)
    if kind != wanted and not (kind == "integer" and wanted == "number"):
        yield f"{path} is {kind}, and was {wanted}."
    elif isinstance(pattern, dict):
        if missing := [key for key in pattern if key not in value]:
            yield f"{path} lost the key {missing[0]!r}."
        if added := [key for key in value if key not in pattern]:
            yield f"{path} has the new key {added[0]!r}."
        for key in pattern:
            yield from _differences(value[key], pattern[key], f"{path}.{key}")
    elif isinstance(pattern, list) and pattern:
        for at, item in enumerate(value):
            misfits = [next(_differences(item, one, f"{path}[{at}]"), None) for one in pattern]
            if all(misfits):
                yield str(misfits[min(at, len(misfits) - 1)])


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "integer" if isinstance(value, int) else "number"
    names = {str: "a string", dict: "an object", list: "an array", type(None): "null"}
    return names[type(value)]


def _is_model(schema: Any) -> bool:
    return isinstance(schema, type) and issubclass(schema, BaseModel)


def _validator(schema: Mapping[str, Any]) -> Any:
    try:
        from jsonschema import SchemaError
        from jsonschema.validators import validator_for
    except ImportError as missing:
        raise MissingExtraError("A JSON schema", "checks") from missing
    validator = validator_for(schema)
    try:
        validator.check_schema(schema)
    except SchemaError as error:
        raise SettingError(f"JSONKept: the schema is no JSON schema: {error.message}.") from None
    return validator(schema)


@dataclass(frozen=True)
class CodeKept:
    r"""Refuses an edit in which a code block is changed, new, missing, or in another place.

    Blocks are those of Markdown, fenced or indented. (``preserve=["code"]`` asks for less: what the
    draft has must be there, and more may be.)

    Args:
        spans: whether code in single backticks counts as well.

    >>> CodeKept()("Run it:\n```sh\nls\n```", "Please run it:\n```sh\nls -l\n```").reason
    'code'
    """

    spans: bool = False

    def __call__(self, draft: str, edit: str) -> Refusal | None:
        """The refusal, or None."""
        before, after = list(_code(draft, self.spans)), list(_code(edit, self.spans))
        if before == after:
            return None
        if len(before) != len(after):
            detail = f"The edit has {len(after)} pieces of code, the draft {len(before)}."
            return Refusal("code", detail)
        changed = next(old for old, new in zip(before, after, strict=True) if old != new)
        return Refusal("code", f"The edit changed the code {changed[1].strip()[:60]!r}.")


def _code(text: str, spans: bool) -> Iterator[tuple[str, str]]:
    """The language and the text of each piece of code."""
    for token in _tokens(text):
        if token.type in ("fence", "code_block"):
            yield token.info.strip(), token.content
        elif spans:
            for inline in token.children or ():
                if inline.type == "code_inline":
                    yield "", inline.content


def _tokens(text: str) -> list[Token]:
    return MarkdownIt("commonmark").parse(text)
