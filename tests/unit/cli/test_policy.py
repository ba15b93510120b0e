import json

from typer.testing import CliRunner

from langchain_metaaligner.cli import app
from langchain_metaaligner.errors import PolicyError

GOOD = "policies:\n  public: {objectives: [fair]}\nrules:\n  - {use: public, tags: x}\n"


def run(*words):
    return CliRunner().invoke(app, ["policy", *words])


def test_a_good_file_is_told_in_a_few_lines(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(GOOD)
    result = run("check", str(path))
    assert result.exit_code == 0
    assert "public (default): fair; model mini" in result.output
    assert "is fine" in result.output
    facts = json.loads(run("check", str(path), "--json").output)
    assert facts["policies"] == {"public": {"objectives": ["fair"]}}


def test_a_mistake_is_one_sentence(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(GOOD.replace("objectives", "objectiv"))
    result = run("check", str(path))
    assert isinstance(result.exception, PolicyError)
    assert "line 2" in str(result.exception)


def test_the_schema_is_json():
    assert json.loads(run("schema").output)["title"] == "MetaAligner policies"
