import json

import pytest

from langchain_metaaligner.edit.carried import changed_texts, with_replaced

BEFORE = {"tip": 'Say "no", fool.', "n": 1, "steps": [{"text": "Größe, fool."}, {"text": "Dry."}]}
AFTER = {"tip": 'Say "no".', "n": 1, "steps": [{"text": "Größe."}, {"text": "Dry."}]}
TEXTS = {'Say "no", fool.': 'Say "no".', "Größe, fool.": "Größe."}


def test_what_changed():
    assert dict(changed_texts(BEFORE, AFTER)) == TEXTS
    assert list(changed_texts(BEFORE, BEFORE)) == []


@pytest.mark.parametrize(
    "written",
    [
        json.dumps,
        lambda value: json.dumps(value, ensure_ascii=False, indent=2),
        lambda value: f"Returning structured response: {value}",
        lambda value: [{"type": "text", "text": json.dumps(value)}],
        lambda value: {"function": {"arguments": json.dumps(value)}},
    ],
)
def test_a_structure_however_it_is_carried(written):
    assert with_replaced(written(BEFORE), TEXTS) == written(AFTER)


def test_a_text_that_is_not_quoted_is_another():
    assert with_replaced("Say it. Größe, fool.!", TEXTS) == "Say it. Größe, fool.!"
