"""What was run, as the report shows it."""

import json

from langchain_metaaligner.evaluation.report.about import about_file, about_result
from langchain_metaaligner.evaluation.results import write_result


def test_the_ledger_beside_a_file_knows_the_aligner(tmp_path):
    path = tmp_path / "aligned.csv"
    path.write_text("query\n")
    settings = {"model": "mini", "objectives": ["fair: a text"], "template": "IMHI",
                "preserve": [], "llm": {"dtype": "float32", "server": None}}  # fmt: skip
    lines = [
        {"key": "a", "settings": settings, "text": "x", "prompt_tokens": 10,
         "completion_tokens": 4},
        {"key": "b", "settings": settings, "text": "y", "prompt_tokens": None},
        {"key": "c", "settings": settings, "failed": "error: away"},
    ]  # fmt: skip
    ledger = tmp_path / "aligned.csv.ledger.jsonl"
    ledger.write_text("".join(json.dumps(line) + "\n" for line in lines))
    facts = about_file(path).facts
    assert facts["model"] == "mini"
    assert facts["objectives"] == "fair: a text"
    assert facts["dtype"] == "float32"
    assert facts["cost"] == "2 edits asked for, 10 tokens read and 4 written"
    assert "preserve" not in facts


def test_a_file_without_its_ledger_says_so(tmp_path):
    path = tmp_path / "aligned.csv"
    path.write_text("query\n")
    assert "aligned.csv.ledger.jsonl is not beside" in about_file(path).facts["aligner"]


def test_a_result_of_an_older_version_has_no_date(tmp_path):
    result = write_result(tmp_path, "judge", {"judge": "j", "seed": None}, {}, [])
    (tmp_path / "about.json").unlink()
    assert about_result(result).facts == {"judge": "j"}
