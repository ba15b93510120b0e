"""Released conversations, read back."""

import json

import pytest
from datasets import load_from_disk
from hypothesis import given
from hypothesis import strategies as st

from langchain_metaaligner.data import build_released
from langchain_metaaligner.data.released import PromptParts, read_prompt
from langchain_metaaligner.errors import DataError
from langchain_metaaligner.objectives import KNOWN
from langchain_metaaligner.templates import TEMPLATES, EditTemplate


@given(
    st.sampled_from([template.name for template in TEMPLATES.values()]),
    st.sampled_from(["better", "equal"]),
    st.lists(st.sampled_from(sorted(KNOWN)), min_size=1, unique=True),
    st.text(max_size=40),
)
def test_a_prompt_says_what_it_asks_for(name, mode, objectives, text):
    prompt = EditTemplate.named(name).format(text, text, objectives, mode)
    assert read_prompt(prompt) == PromptParts(name, mode, tuple(objectives))


def test_objectives_of_your_own_keep_their_text():
    own = "Concise: the response should fit in one sentence"
    prompt = EditTemplate.named("UltraFeedback").format("q", "a", [own, "honest"])
    assert read_prompt(prompt).objectives == (own, "honest")
    assert read_prompt("What time is it?") is None


def conversation(number, prompt, target):
    turns = [("human", prompt), ("gpt", target)]
    return {"id": number, "conversations": [{"from": who, "value": said} for who, said in turns]}


def test_released_conversations_become_a_datasets_folder(tmp_path):
    template = EditTemplate.named("HH-RLHF")
    prompts = [
        template.format("q", "a", ["humor", "harmless"]),
        template.format("q", "a", ["helpful"], "equal"),
        template.equal.format(aspects="", question="q", answer="a"),  # the research's bug
        "What time is it?",
    ]
    items = [conversation(n, prompt, "b") for n, prompt in enumerate(prompts)]
    (tmp_path / "a.json").write_text(json.dumps([*items, {"id": 9}, conversation(10, "p", " ")]))
    report = build_released(tmp_path / "a.json", tmp_path / "out", part="all/train")
    assert report.problems.counts == {
        "no objective": 1, "missing field": 2, "empty answer": 1,
    }  # fmt: skip
    rows = load_from_disk(tmp_path / "out" / "datasets" / "all_train")
    assert rows["prompt"][:] == prompts[:2]
    assert rows["objectives"][:] == [["humor", "harmless"], ["helpful"]]
    assert rows["kind"][:] == ["better", "equal"]
    written = json.loads((tmp_path / "out" / "all" / "train.json").read_text())
    assert [item["conversations"] for item in written] == [
        item["conversations"] for item in items[:2]
    ]
    places = {(one.kind, one.line) for one in report.problems.all}
    assert places == {("no objective", 3), ("missing field", 4), ("missing field", 5),
                      ("empty answer", 6)}  # fmt: skip
    with pytest.raises(DataError, match=r"a\.json, line 3: no objective"):
        build_released(tmp_path / "a.json", tmp_path / "out", on_problem="raise")
