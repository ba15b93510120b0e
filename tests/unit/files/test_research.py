"""The research script's file, to the byte."""

import re

import pandas
import pytest

from langchain_metaaligner.errors import DataError, TemplateError
from langchain_metaaligner.files.research import (
    align_as_research,
    read_frame,
    research_template,
    write_frame,
)
from langchain_metaaligner.objectives import parse_objectives
from langchain_metaaligner.testing import FakeAlignerLLM

ROWS = [('q "1", x', "g1", "r1"), ("q\\2", "", "")]


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "Claude-3.csv"
    frame = pandas.DataFrame(ROWS, columns=["query", "goldens", "generated_text"])
    frame.to_csv(path, index=False, escapechar="\\")
    return path


def cases(golden):
    return [case for case in golden("aligner_main") if "output_csv" in case["expected"]]


def test_golden_outputs(golden, source, tmp_path):
    assert len(cases(golden)) == 5
    for number, case in enumerate(cases(golden)):
        asked, expected = case["input"], case["expected"]
        template = research_template(asked["aligner_path"])
        assert template.name == expected["name"]
        replies = iter(["Answer: one", "two"])
        prompts = []
        llm = FakeAlignerLLM(lambda prompt, r=replies, p=prompts: p.append(prompt) or next(r))
        output = tmp_path / f"{number}.csv"
        objectives = parse_objectives(asked["aspects"].split(","))
        assert align_as_research(source, output, llm, template, objectives) == 2
        assert output.read_text() == expected["output_csv"]
        slots = [
            re.search(r"(?:Context|Query|Question): (.*) \| Answer: (.*) \| Edit: $", prompt)
            for prompt in prompts
        ]
        assert [slot[1] for slot in slots] == expected["queries"]
        assert [slot[2] for slot in slots] == ["r1", "nan"]


def test_golden_paths_without_a_data_set(golden):
    unknown = [
        case["input"]["aligner_path"]
        for case in golden("aligner_main")
        if case["expected"].get("message") == "Unknown aligner path!"
    ]
    assert len(unknown) == 2
    for path in unknown:
        with pytest.raises(TemplateError, match="Unknown aligner path!"):
            research_template(path)


def test_golden_dialect(golden, tmp_path):
    path = tmp_path / "cells.csv"
    for case in golden("csv_dialect"):
        value, expected = case["input"]["value"], case["expected"]
        write_frame(pandas.DataFrame({"query": [value], "goldens": ["g"]}), path)
        with path.open(encoding="utf-8", newline="") as file:
            assert file.read() == expected["csv_text"]
        if isinstance(expected["read_default"], list):
            read = [None if pandas.isna(one) else one for one in read_frame(path)["query"]]
            assert read == expected["read_default"]


def test_a_stopped_run_goes_on(source, tmp_path):
    asked = []

    def once(prompt):
        asked.append(prompt)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return "one"

    output, template = tmp_path / "out.csv", research_template("IMHI")
    objectives = parse_objectives(["correct"])
    with pytest.raises(KeyboardInterrupt):
        align_as_research(source, output, FakeAlignerLLM(once), template, objectives, batch_size=1)
    assert not output.exists()
    align_as_research(source, output, FakeAlignerLLM(once), template, objectives, batch_size=1)
    assert len(asked) == 3
    assert list(pandas.read_csv(output)["aligned_responses"]) == ["one", "one"]


def test_missing_columns_are_named(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("query,answer\na,b\n")
    with pytest.raises(
        DataError, match=r"lacks the columns goldens, generated_text.*query, answer"
    ):
        align_as_research(
            path, tmp_path / "out.csv", FakeAlignerLLM(str), research_template("IMHI"), ()
        )
