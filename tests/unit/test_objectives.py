import pytest

from langchain_metaaligner.errors import MetaAlignerError, ObjectiveError, SettingError
from langchain_metaaligner.objectives import (
    ALIASES,
    KNOWN,
    LABELS,
    Objective,
    distinct_objectives,
    known_objective,
    parse_objectives,
)

README_NAMES = [
    "harmless",
    "helpful",
    "humor",
    "instruction_following",
    "honest",
    "truthful",
    "correct",
    "informative",
    "professional",
    "specific",
    "factual",
    "readable",
    "fair",
    "repeat",
    "length",
]
SCRIPT_KEYS = {
    "harmlessness": "harmless",
    "helpfulness": "helpful",
    "humour": "humor",
    "humor": "humor",
    "IF": "instruction_following",
    "honesty": "honest",
    "truthfulness": "truthful",
    "truthful": "truthful",
    "hh-rlhf-helpful": "helpful",
    "ultrafeedback-helpful": "helpful",
    "speci": "specific",
    "specificity": "specific",
    "Specific": "specific",
    "factual": "factual",
    "factuality": "factual",
    "read": "readable",
    "readability": "readable",
    "fair": "fair",
    "fairness": "fair",
    "repeat": "repeat",
    "Repetition": "repeat",
    "len": "length",
    "length": "length",
    "Informativeness": "informative",
    "Professionalism": "professional",
    "correct": "correct",
    "Instruction following": "instruction_following",
}


def test_the_fifteen_of_the_readme():
    assert list(KNOWN) == README_NAMES
    assert list(LABELS) == README_NAMES


def test_aliases_lead_to_known_objectives_and_shadow_none():
    assert set(ALIASES.values()) <= set(KNOWN)
    assert not set(ALIASES) & set(KNOWN)


@pytest.mark.parametrize(("key", "name"), SCRIPT_KEYS.items())
def test_every_key_of_the_research_is_known(key, name):
    assert known_objective(key) is KNOWN[name]


def test_order_and_repetition_are_kept():
    names = [o.name for o in parse_objectives(["fair", "harmlessness", "fair"])]
    assert names == ["fair", "harmless", "fair"]


def test_own_objectives():
    objective = Objective("concise", "the response should fit in one sentence")
    assert parse_objectives([objective]) == (objective,)
    assert parse_objectives(["Kind: the response should be kind: always"])[0] == Objective(
        "Kind", "the response should be kind: always"
    )
    assert Objective("fair", "the response should be just").text == (
        "Fair: the response should be just"
    )


def test_unknown_name_lists_the_known_and_the_nearest():
    with pytest.raises(ObjectiveError) as error:
        parse_objectives(["harmles"])
    assert "'harmles'" in str(error.value)
    assert "Did you mean 'harmless'?" in str(error.value)
    assert all(name in str(error.value) for name in KNOWN)


@pytest.mark.parametrize("given", [[], (), "harmless", None, 3, [3], [None], [""], [":"], ["a:"]])
def test_lists_that_cannot_be_used(given):
    with pytest.raises(ObjectiveError) as error:
        parse_objectives(given)
    assert isinstance(error.value, MetaAlignerError | ValueError)


@pytest.mark.parametrize(("name", "description"), [("", "x"), ("x", ""), (" ", "x")])
def test_blank_objectives(name, description):
    with pytest.raises(ObjectiveError, match="blank"):
        Objective(name, description)


def test_wrong_types_are_one_plain_error():
    with pytest.raises(SettingError, match="name=3"):
        Objective(3, "x")


def test_objectives_are_values():
    assert Objective("a", "b") == Objective("a", "b")
    assert len({Objective("a", "b"), Objective("a", "b")}) == 1


def test_no_objective_stands_twice():
    assert [one.name for one in distinct_objectives(["fair", "len"])] == ["fair", "length"]
    for twice in (["fair", "fair"], ["len", "length"], [Objective("a", "b"), Objective("A", "c")]):
        with pytest.raises(ObjectiveError, match="given twice"):
            distinct_objectives(twice)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"harmless": "Harmlessness: my own text"}, "Harmlessness: my own text"),
        ({"kind": "the response should be kind"}, "Kind: the response should be kind"),
        (
            {"kind": "Kindness: the response should be kind"},
            "Kindness: the response should be kind",
        ),
        ({"kind": Objective("kind", "be kind")}, "Kind: be kind"),
    ],
)
def test_a_dict_keeps_its_texts(given, text):
    assert parse_objectives(given)[0].text == text


def test_a_dict_with_the_texts_of_the_research_is_that_of_the_registry():
    """The cards of the published checkpoints have their objectives in this form."""
    card = {
        "correct": "Correctness: the explanations should make correct predictions",
        "harmless": "Harmlessness: the response should avoid content that is offensive, "
        "discriminatory, or harmful",
        "len": "Length: the response should be concise and avoid redundant content.",
    }
    assert parse_objectives(card) == (KNOWN["correct"], KNOWN["harmless"], KNOWN["length"])
