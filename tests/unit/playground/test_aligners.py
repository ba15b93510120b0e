"""The line that names an aligner, and the objectives that somebody ticks and writes."""

import pytest

pytest.importorskip("gradio", reason="needs pip install 'langchain-metaaligner[playground]'")

from langchain_metaaligner.errors import CheckpointError, ObjectiveError, SettingError
from langchain_metaaligner.playground.aligners import Aligners, objectives_of, read_line, towards


def test_a_model_alone():
    assert read_line("MetaAligner/MetaAligner-HH-RLHF-7B") == (
        "MetaAligner/MetaAligner-HH-RLHF-7B",
        {},
    )


def test_a_folder_with_spaces_stands_between_quotation_marks():
    assert read_line('"my aligners/one" template=HH-RLHF') == (
        "my aligners/one",
        {"template": "HH-RLHF"},
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("  ", "has no name"),
        ("mini cautoin=2", "Did you mean 'caution'?"),
        ("mini fast", "Options are: caution=VALUE, template=VALUE"),
        ('"mini', "cannot be read"),
    ],
)
def test_a_line_that_names_no_aligner(line, message):
    with pytest.raises(SettingError, match=message.replace("?", r"\?")):
        read_line(line)


def test_an_aligner_is_made_once():
    aligners = Aligners(device="cpu")
    assert aligners.named("mini") is aligners.named("mini")
    assert aligners.named("mini caution=3").caution == 3
    assert aligners.named("mini").caution is None


def test_an_aligner_that_does_not_exist():
    with pytest.raises(CheckpointError, match="nowhere"):
        Aligners().named("./nowhere")


def test_an_option_that_cannot_work():
    with pytest.raises(SettingError, match="caution"):
        Aligners().named("mini caution=much")


def test_ticked_and_written_objectives():
    objectives = objectives_of(["harmless"], "\n Brief: the response is one sentence \n\nfair\n")
    assert [one.name for one in objectives] == ["harmless", "Brief", "fair"]


@pytest.mark.parametrize(
    ("named", "own", "message"),
    [
        ([], " \n", "Tick an objective"),
        (["fair"], "Fair: the response is fair", "given twice"),
        ([], "shiny", "Unknown objective 'shiny'"),
    ],
)
def test_objectives_that_are_none(named, own, message):
    with pytest.raises(ObjectiveError, match=message):
        objectives_of(named, own)


def test_a_call_may_ask_for_objectives_of_its_own():
    objectives = objectives_of([], "Brief: the response is one sentence")
    record = Aligners(device="cpu").named("mini").align("Why?", "So.", towards(objectives))
    assert record.objectives == ("Brief",)
