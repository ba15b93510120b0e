import json
import pickle

import pytest
from pydantic import BaseModel, Field

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.checks import CodeKept, JSONKept
from langchain_metaaligner.checks.structure import json_of
from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.testing import FakeAlignerLLM

RECIPE = {
    "title": "Flatbread, you lazybones",
    "serves": 4,
    "vegan": True,
    "steps": [{"text": "Mix it, if you can.", "minutes": 5}, {"text": "Fry.", "minutes": 3.5}],
    "note": None,
}


def changed(**changes):
    return json.dumps({**RECIPE, **changes})


def without(key):
    return json.dumps({name: value for name, value in RECIPE.items() if name != key})


DRAFT = json.dumps(RECIPE, indent=2)
STEP = RECIPE["steps"][0]


@pytest.mark.parametrize(
    ("edit", "detail"),
    [
        (DRAFT, None),
        (changed(title="Flatbread"), None),
        (changed(serves=2, steps=RECIPE["steps"][:1]), None),
        (changed(steps=[{"text": "Mix it.", "minutes": 4}]), None),
        (json.dumps(dict(reversed(RECIPE.items()))), None),
        ("Here is your recipe.", "The edit is not JSON any more."),
        (f"```json\n{DRAFT}\n```", "The edit is not JSON any more."),
        (DRAFT + "\nLet me know how it goes!", "The edit is not JSON any more."),
        (DRAFT[:-2], "The edit is not JSON any more."),
        (DRAFT.replace("4,", "NaN,"), "The edit is not JSON any more."),
        (DRAFT.replace('"serves"', '"title": "twice", "serves"'), "The edit is not JSON any more."),
        (without("note"), "$ lost the key 'note'."),
        (changed(tip="Use oil."), "$ has the new key 'tip'."),
        (changed(serves="four"), "$.serves is a string, and was integer."),
        (changed(serves=4.5), "$.serves is number, and was integer."),
        (changed(vegan=1), "$.vegan is integer, and was a boolean."),
        (changed(note="Enjoy!"), "$.note is a string, and was null."),
        (changed(steps=["Mix it."]), "$.steps[0] is a string, and was an object."),
        (changed(steps=[STEP, {"text": "Fry."}]), "$.steps[1] lost the key 'minutes'."),
    ],
)
def test_json_like_that_of_the_draft(edit, detail):
    refusal = JSONKept()(DRAFT, edit)
    if detail is None:
        assert refusal is None
    else:
        assert refusal.reason == "json"
        assert refusal.detail.endswith(detail)


FENCED = 'Here you are:\n\n```json\n{"tip": "Wash it cold, fool."}\n```\n\nDone.'


@pytest.mark.parametrize(
    ("edit", "refused"),
    [
        ('Please:\n\n```json\n{"tip": "Wash it cold."}\n```\n', False),
        ('Please:\n\n```json\n{"tip": "Wash it cold."\n```\n', True),
        ("Please wash it cold.", True),
        (FENCED + '\n```json\n{"tip": "Dry it flat."}\n```', True),
        ('{"tip": "Wash it cold."}', True),
    ],
)
def test_json_in_a_fence(edit, refused):
    assert (JSONKept()(FENCED, edit) is not None) == refused


@pytest.mark.parametrize("draft", ["42", "true", '"a text"', "{curly} text", "[see below]", ""])
def test_a_text_is_not_json(draft):
    assert json_of(draft) == []
    assert JSONKept()(draft, "Anything else.") is None


def test_brackets_without_end_are_no_json():
    assert json_of("[" * 100_000) == []


class Tip(BaseModel):
    tip: str = Field(max_length=20)
    minutes: int = 0


JSON_SCHEMA = {
    "type": "object",
    "properties": {"tip": {"type": "string", "maxLength": 20}, "minutes": {"type": "integer"}},
    "required": ["tip"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("schema", [Tip, JSON_SCHEMA])
def test_a_schema_of_its_own(schema):
    check = JSONKept(schema)
    draft = '{"tip": "Wash it cold."}'
    assert check(draft, '{"tip": "Cold.", "minutes": 3}') is None
    assert check(draft, '```json\n{"tip": "Cold."}\n```') is None
    for edit in ('{"tip": "Wash it cold, and dry it flat."}', '{"minutes": 3}', "Cold."):
        refusal = check(draft, edit)
        assert refusal.reason == "json"
        assert refusal.detail.startswith("The edit does not fit the schema: ")
    assert pickle.loads(pickle.dumps(check)) == check


@pytest.mark.parametrize("schema", [{"type": "objekt"}, "Tip", int, Tip(tip="x")])
def test_no_schema(schema):
    with pytest.raises(SettingError, match="schema"):
        JSONKept(schema)


CODE = """Run this, and try to keep up:

```python
for n in range(3):
    print(n)
```

Then `python count.py`:

    0
    1

1. Or in one line:
   ~~~sh
   seq 0 2
   ~~~
"""


@pytest.mark.parametrize(
    ("edit", "detail"),
    [
        (CODE.replace(", and try to keep up", ""), None),
        (CODE.replace("`python count.py`", "`python3 count.py`"), None),
        (CODE.replace("print(n)", "print(n + 1)"), "The edit changed the code 'for n in"),
        (CODE.replace("```python", "```py"), "The edit changed the code 'for n in"),
        (CODE.replace("    1\n", "    2\n"), "The edit changed the code '0"),
        (CODE.replace("seq 0 2", "seq 0 3"), "The edit changed the code 'seq 0 2'"),
        (CODE + "\n```\nmore\n```\n", "The edit has 4 pieces of code, the draft 3."),
        ("Run it.", "The edit has 0 pieces of code, the draft 3."),
        (CODE.replace("    print", "  print"), "The edit changed the code 'for n in"),
    ],
)
def test_code_blocks(edit, detail):
    refusal = CodeKept()(CODE, edit)
    assert (refusal and refusal.detail.startswith(detail or " ")) == (None if not detail else True)


def test_code_in_single_backticks():
    edit = CODE.replace("`python count.py`", "`python3 count.py`")
    assert CodeKept(spans=True)(CODE, edit).detail == "The edit changed the code 'python count.py'."
    assert CodeKept(spans=True)(CODE, CODE.replace("Run this", "Please run this")) is None


def test_a_fence_inside_of_a_longer_fence_is_text():
    draft = "````md\n```py\nx = 1\n```\n````\nDone, dummy."
    assert CodeKept()(draft, draft.replace(", dummy", "")) is None
    assert CodeKept()(draft, draft.replace("x = 1", "x = 2")) is not None


@pytest.mark.parametrize("check", [JSONKept(), CodeKept(), CodeKept(spans=True)])
def test_the_draft_again_is_fine(check, hostile):
    assert check(hostile, hostile) is None


def test_in_an_aligner():
    def shorten(prompt):
        return '{"tip": "Cold"'

    aligner = MetaAlignerRunnable(
        objectives=["harmless"], llm=FakeAlignerLLM(shorten), checks=[JSONKept()]
    )
    record = aligner.align("How do I wash wool?", '{"tip": "Cold, fool."}')
    assert (record.text, record.decision, record.reason) == (
        '{"tip": "Cold, fool."}',
        "kept",
        "json",
    )
