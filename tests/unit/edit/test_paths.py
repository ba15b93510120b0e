from collections import OrderedDict
from typing import NamedTuple

import pytest
from pydantic import AliasChoices, BaseModel, Field, ValidationError

from langchain_metaaligner.edit.paths import (
    NoFieldError,
    names_in,
    parse_path,
    shown,
    texts_at,
    with_texts,
)
from langchain_metaaligner.errors import SettingError


class Pair(NamedTuple):
    left: str
    right: str


class Inner(BaseModel):
    text: str = Field(alias="Text")
    other: int = 0


class Outer(BaseModel):
    title: str = Field(validation_alias=AliasChoices("head", "Title"), min_length=2)
    inner: dict[str, list[Inner]] = {}


OUTER = Outer(head="Bread", inner={"a": [Inner(Text="flour"), Inner(Text="water")]})


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("a", ("a",)),
        ("a.b", ("a", "b")),
        ("a[]", ("a", "[]")),
        ("a[][].b-c", ("a", "[]", "[]", "b-c")),
        ("über.straße", ("über", "straße")),
    ],
)
def test_paths(path, steps):
    assert parse_path(path) == steps


@pytest.mark.parametrize(
    "path", ["", ".", "a.", ".a", "a[1]", "[]", "a[", "1a", "a b", None, ["a"]]
)
def test_no_paths(path):
    with pytest.raises(SettingError, match="is no path to a text"):
        parse_path(path)


def test_texts_and_their_places():
    found = dict(texts_at(OUTER, parse_path("inner.a[].text")))
    assert found == {("inner", "a", 0, "text"): "flour", ("inner", "a", 1, "text"): "water"}
    assert [shown(place) for place in found] == ["inner.a[0].text", "inner.a[1].text"]
    assert dict(texts_at({"a": None, "b": [None, " ", "x"]}, ("a", "c"))) == {}
    assert dict(texts_at({"b": [None, " ", "x"]}, ("b", "[]"))) == {("b", 2): "x"}


@pytest.mark.parametrize(
    "path", ["inner.b", "titel", "title.x", "inner[]", "inner.a", "inner.a[].other"]
)
def test_paths_that_lead_nowhere(path):
    with pytest.raises(NoFieldError):
        list(texts_at(OUTER, parse_path(path)))


def test_other_texts_and_all_else_as_it_was():
    texts = {("title",): "Rolls", ("inner", "a", 1, "text"): "milk"}
    twin = with_texts(OUTER, texts)
    assert [one.text for one in twin.inner["a"]] == ["flour", "milk"]
    assert (twin.title, OUTER.title) == ("Rolls", "Bread")
    assert twin.inner["a"][0] is OUTER.inner["a"][0]
    assert twin.model_fields_set == OUTER.model_fields_set


@pytest.mark.parametrize(
    ("value", "place", "expected"),
    [
        ({"a": ("x", "y")}, ("a", 1), {"a": ("x", "z")}),
        ({"a": Pair("x", "y")}, ("a", 0), {"a": Pair("z", "y")}),
        (OrderedDict(b=1, a="x"), ("a",), OrderedDict(b=1, a="z")),
        ({"a": [["x"], []]}, ("a", 0, 0), {"a": [["z"], []]}),
    ],
)
def test_containers_keep_their_kind(value, place, expected):
    twin = with_texts(value, {place: "z"})
    assert twin == expected
    assert type(twin) is type(expected)
    assert type(twin["a"]) is type(expected["a"])


def test_what_is_not_valid_is_an_error():
    with pytest.raises(ValidationError, match="at least 2 characters"):
        with_texts(OUTER, {("title",): "x"})


def test_names():
    assert names_in({"a": 1}) == ["a"]
    assert names_in(OUTER) == ["title", "inner"]
    assert names_in("text") == names_in([1]) == names_in(None) == names_in(Outer) == []
