"""Reading public data sets, and cutting their answers into sentences."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_metaaligner.data.synthetic.pairs import synthetic_pairs
from langchain_metaaligner.data.synthetic.sentences import is_clean, sentences
from langchain_metaaligner.data.synthetic.texts import Text, is_held_out, read_texts
from langchain_metaaligner.errors import SettingError


@given(st.text(alphabet="ab AB.!?\n123-", max_size=80))
def test_sentences_joined_are_the_text(text):
    assert "".join(part + gap for part, gap in sentences(text)) == text


@pytest.mark.parametrize(
    "suspect",
    ["You idiot.", "gonna go now.", "That is GREAT, NOW go.", "Good!!", "I hope this helps."],
)
def test_what_an_edit_would_touch_is_no_base(suspect):
    assert not is_clean(suspect)


def test_the_formats(tmp_path):
    answer = "It is four words long, at least."
    (tmp_path / "policy.csv").write_text(
        f'query,goldens,generated_text\n"a, b","{answer}","say \\\\n ""that"" once more, please"\n'
    )
    (tmp_path / "other.csv").write_text("text\nnothing to be read here at all\n")
    dialogue = f"\n\nHuman: c\n\nAssistant: {answer}"
    with gzip.open(tmp_path / "hh.jsonl.gz", "wt") as file:
        file.write(json.dumps({"chosen": dialogue, "rejected": dialogue}) + "\n")
    record = {"instruction": "d", "completions": [{"response": answer}, {"response": "short"}]}
    (tmp_path / "uf.jsonl").write_text(json.dumps(record) + "\n")
    train, held = read_texts(tmp_path)
    assert set(train + held) == {
        Text("a, b", answer),
        Text("a, b", 'say \\n "that" once more, please'),
        Text("\n\nHuman: c\n\nAssistant:", answer),
        Text("d", answer),
    }
    assert all(is_held_out(text.question) for text in held)
    assert not any(is_held_out(text.question) for text in train)


def test_a_folder_without_texts_is_an_error_that_says_what_is_read(tmp_path):
    with pytest.raises(SettingError, match=r"Give a folder with CSV files .*query.*JSON lines"):
        read_texts(tmp_path)


def test_pairs_are_the_same_for_the_same_seed(corpus):
    first, second = synthetic_pairs(corpus, 5), synthetic_pairs(corpus, 5)
    rows = [next(first) for _ in range(50)]
    assert rows == [next(second) for _ in range(50)]
    assert {pair.template for pair in rows} == {"HH-RLHF", "UltraFeedback", "IMHI"}
    for pair in rows:
        assert f" | Answer: {pair.weak} | Edit: " in pair.prompt
        assert pair.families or pair.weak == pair.strong
