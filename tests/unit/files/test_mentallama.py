"""The MentaLLaMA files."""

import pytest

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.files.mentallama import read_mentallama
from langchain_metaaligner.tables.problems import Problems


def read(path, text, encoding="utf-8"):
    path.write_text(text, encoding=encoding)
    problems = Problems()
    return list(read_mentallama(path, problems)), problems


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_instructions(tmp_path, encoding):
    text = (
        'query,gpt-3.5-turbo\n"Consider this post: ""a, b"" Question: Why?",Work. Reasoning: a.\n'
    )
    (one,), _ = read(tmp_path / "SAD.csv", text, encoding)
    assert one.query == 'Consider this post: "a, b" Question: Why?'
    assert one.golden == "Work. Reasoning: a."


@pytest.mark.parametrize("index", ["", "Unnamed: 0,"])
def test_completions_for_training_become_queries_like_those_of_the_tests(tmp_path, index):
    number = "0," if index else ""
    text = f'{index}post,question,response\n{number}a b," Question: It is ", yes. Reasoning: a.\n'
    (one,), _ = read(tmp_path / "train.csv", text)
    assert one.query == "Post: a b  Question: It is "
    assert one.golden == " yes. Reasoning: a."


def test_other_columns_are_named(tmp_path):
    with pytest.raises(DataError, match="It has: text, label"):
        read(tmp_path / "a.csv", "text,label\na,b\n")


def test_real_files(texts):
    for kind in ("test_instruction", "test_complete", "expert"):
        for path in sorted((texts / "imhi" / kind).glob("*.csv")):
            rows = list(read_mentallama(path, Problems("raise")))
            assert len(rows) >= 35
            start = "Post: " if kind == "test_complete" else "Consider this post:"
            assert sum(one.query.startswith(start) for one in rows) > 0.9 * len(rows)
