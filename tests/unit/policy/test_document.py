import json

import jsonschema
import pytest
import yaml

from langchain_metaaligner.edit.options import AlignerSettings
from langchain_metaaligner.errors import PolicyError
from langchain_metaaligner.policy import json_schema, read_policy


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("policies:\n  a:\n    objectives: [fair]\n    on_failur: raise\n", "line 4"),
        ("policies:\n  a:\n    objectives: [fair]\n    on_failur: raise\n", "'on_failure'?"),
        ("policies:\n  a:\n    preserve: [code]\n", "line 2: 'objectives' is missing"),
        ("policies:\n  a:\n    objectives: [fair]\n    on_failure: rase\n", "line 4: on_failure"),
        ("policies:\n  a:\n    objectives: fair\n", "line 3: objectives"),
        ("policies:\n  a: {objectives: [fair]}\nrule: []\n", "line 3: unknown key 'rule'"),
        ("policies:\n  a: {objectives: [fair]}\ndefault: b\n", "line 3: there is no policy 'b'"),
        ("policies:\n  a: {objectives: [fair]}\n  b: {objectives: [fair]}\n", "no default"),
        ("policies:\n  a: {objectives: [fair]}\nrules:\n  - use: a\n", "line 4: this rule has no"),
        (
            "policies:\n  a: {objectives: [fair]}\nrules:\n  - use: aa\n    tags: x\n",
            "line 4: there is no policy 'aa'. Did you mean 'a'?",
        ),
        (
            "policies:\n  a: {objectives: [fair]}\nrules:\n  - use: a\n    langage: de\n",
            "line 5: unknown key 'langage'. Did you mean 'language'?",
        ),
        ("policies:\n  a: {objectives: [fair]}\n  a: {objectives: [fair]}\n", "stands twice"),
        ("policies:\n  a: [\n", "line 3"),
        ("policies: {}\n", "line 1"),
        ("- a\n", "mapping"),
        ("", "is empty"),
        ("policies:\n  a:\n    objectives: [fair]\n    llm: !python nowhere:llm\n", "line 4"),
        ("policies:\n  a:\n    objectives: [fair]\n    llm: !!python/name:os.system\n", "line 4"),
    ],
)
def test_a_mistake_names_its_line_and_the_nearest_key(write, text, says):
    path = write(text)
    with pytest.raises(PolicyError) as error:
        read_policy(path)
    assert says in str(error.value)
    assert str(path) in str(error.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(PolicyError, match="cannot be read"):
        read_policy(tmp_path / "none.yaml")


def test_options_are_those_of_the_runnable(path):
    document, _ = read_policy(path)
    options = document.options("public")
    assert options["objectives"] == ["harmless", "helpful"]
    assert options["request_objectives"] == ["harmless", "fair"]
    assert [getattr(check, "__name__", repr(check)) for check in options["checks"]] == [
        "CodeKept(spans=False)",
        "LengthKept(longer=40, shorter=0.75)",
        "polite",
    ]
    assert document.options("staff")["request_objectives"] == "none"


def test_a_policy_may_take_over_from_another(write):
    path = write(
        """\
        policies:
          public: &public {objectives: [fair], preserve: [code]}
          staff: {<<: *public, objectives: [readable]}
        default: public
        """
    )
    options = read_policy(path)[0].options("staff")
    assert options == {"objectives": ["readable"], "preserve": ["code"]}


def test_every_option_of_the_runnable_may_stand_in_a_file():
    properties = json_schema()["$defs"]["Policy"]["properties"]
    assert properties.keys() == AlignerSettings.model_fields.keys() - {"name"}


def test_the_schema_finds_what_reading_finds(path):
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!python", lambda loader, node: node.value)
    schema = json.loads(json.dumps(json_schema()))
    jsonschema.Draft202012Validator.check_schema(schema)
    good = yaml.load(path.read_text(), Loader)
    jsonschema.validate(good, schema)
    for wrong in (
        {"policies": {"a": {"objectives": ["fair"], "on_failur": "raise"}}},
        {"policies": {"a": {"objectives": ["fair"], "timeout": "soon"}}},
        {"policies": {}},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)
