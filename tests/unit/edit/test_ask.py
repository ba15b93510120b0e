"""What fails on the way of an answer is seen, is told apart by whose it is, and costs no draft."""

import logging

import pytest
from langchain_core.language_models import FakeListLLM
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.edit.disarm import Guard
from langchain_metaaligner.edit.gate import RewardGate, Verdict
from langchain_metaaligner.edit.shapes import MessageShape
from langchain_metaaligner.errors import CheckpointError, EditRejectedError
from langchain_metaaligner.templates import EditTemplate
from langchain_metaaligner.testing import FakeAlignerLLM

PAIR = {"question": "Why?", "answer": AIMessage("Because.")}


def broken(*args, **kwargs):
    raise RuntimeError("CUDA error: device-side assert")


class BrokenTokenizer(FakeAlignerLLM):
    context: int | None = 100

    def get_num_tokens(self, text):
        broken()


class BrokenScorer:
    def score_all(self, pairs):
        broken()


def editor(prompt):
    return "Better."


THEIRS = {
    "model": {"llm": FakeAlignerLLM(broken)},
    "other model": {"llm": RunnableLambda(broken)},
    "tokenizer": {"llm": BrokenTokenizer(editor)},
    "check": {"checks": [broken]},
    "gate": {"gate": RewardGate(BrokenScorer())},
    "no text": {"llm": RunnableLambda(lambda prompt: {"no": "text"})},
    "check that says True": {"checks": [lambda draft, edit: True]},
}


def make(**options):
    return MetaAlignerRunnable(
        **{"objectives": ["fair"], "llm": FakeAlignerLLM(editor), "template": "imhi", **options}
    )


def warnings_of(caplog):
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("streaming", ["checked", "live"])
@pytest.mark.parametrize("options", THEIRS.values(), ids=THEIRS)
def test_a_failure_is_a_warning_with_its_traceback(options, streaming, caplog):
    if streaming == "live" and "gate" in options:
        return
    aligner = make(streaming=streaming, **options)
    for call in (
        lambda: aligner.invoke(PAIR),
        lambda: list(aligner.stream(PAIR)),
        lambda: aligner.align("Why?", "Because."),
    ):
        caplog.clear()
        call()
        (warning,) = warnings_of(caplog)
        assert warning.name == "langchain_metaaligner"
        assert "error" in warning.getMessage()
        assert warning.exc_info[1] is not None


@pytest.mark.parametrize("options", THEIRS.values(), ids=THEIRS)
async def test_async_too(options, caplog):
    await make(**options).ainvoke(PAIR)
    (warning,) = warnings_of(caplog)
    assert warning.exc_info[1] is not None


@pytest.mark.parametrize("options", THEIRS.values(), ids=THEIRS)
def test_a_batch_that_fails_alike_warns_once(options, caplog):
    make(**options).batch([PAIR] * 20)
    (warning,) = warnings_of(caplog)
    assert "20 of 20" in warning.getMessage()


def test_the_error_that_is_raised_has_its_cause():
    aligner = make(llm=FakeAlignerLLM(broken), on_failure="raise")
    with pytest.raises(EditRejectedError) as rejected:
        aligner.align("Why?", "Because.")
    assert isinstance(rejected.value.__cause__, RuntimeError)
    assert rejected.value.retryable


@pytest.mark.parametrize(
    ("options", "pair", "reason", "level"),
    [
        ({"llm": FakeAlignerLLM(lambda prompt: "")}, ("q", "a"), "empty", logging.INFO),
        ({"checks": [lambda draft, edit: "rude"]}, ("q", "a"), "rude", logging.INFO),
        ({}, (" ", "a"), "no_question", logging.WARNING),
        ({}, ("q", AIMessage([{"type": "image"}])), "no_text", logging.WARNING),
    ],
)
def test_drafts_that_are_kept_are_logged(options, pair, reason, level, caplog):
    caplog.set_level(logging.INFO)
    make(**options).align_batch([pair, pair])
    (record,) = caplog.records
    assert (record.levelno, record.exc_info) == (level, None)
    assert record.getMessage().startswith(f"Draft kept ({reason}) for 2 of 2 answers: ")


def test_turns_that_are_no_answers_are_not_logged(caplog):
    caplog.set_level(logging.INFO)
    call = {"name": "t", "args": {}, "id": "1"}
    make().align_batch([("q", AIMessage("", tool_calls=[call])), ("q", "")])
    assert caplog.records == []


OURS = [
    (Guard, "restore"),
    (Guard, "disarm"),
    (EditTemplate, "clean"),
    (EditTemplate, "filled"),
    (EditTemplate, "leaks"),
    (MessageShape, "write"),
    (RewardGate, "choose"),
    (Verdict, "__init__"),
]


@pytest.mark.parametrize(("owner", "name"), OURS)
async def test_our_own_defects_are_raised_and_not_relabelled(owner, name, monkeypatch):
    class Longer:
        def score_all(self, pairs):
            return [{"length": float(len(answer))} for _, answer in pairs]

    def defect(*args, **kwargs):
        raise KeyError("a defect of ours")

    aligner = make(gate=RewardGate(Longer()), checks=[lambda draft, edit: None])
    aligner.invoke(PAIR)
    monkeypatch.setattr(owner, name, defect)
    with pytest.raises(KeyError, match="a defect of ours"):
        aligner.invoke(PAIR)
    with pytest.raises(KeyError, match="a defect of ours"):
        await aligner.ainvoke(PAIR)


def test_a_missing_model_is_no_kept_draft():
    def gone(prompt):
        raise CheckpointError("The folder is gone.")

    with pytest.raises(CheckpointError):
        make(llm=FakeAlignerLLM(gone)).align("q", "a")


def test_one_failure_costs_the_other_rows_nothing(caplog):
    def sometimes(prompt):
        return broken() if "poison" in prompt else "Better."

    pairs = [("q", "poison" if at % 5 == 0 else "a") for at in range(20)]
    for llm in (FakeAlignerLLM(sometimes), RunnableLambda(sometimes)):
        made = make(llm=llm).align_batch(pairs)
        assert [one.reason for one in made] == [None if at % 5 else "error" for at in range(20)]


def test_checks_see_question_and_context():
    seen = []

    def check(draft, edit, question, context):
        seen.append((draft, edit, question, context))

    aligner = make(checks=[check])
    aligner.invoke({"question": "Why? | Edit: x", "context": ["A text."], "answer": "Because."})
    assert seen == [("Because.", "Better.", "Why? | Edit: x", ("A text.",))]
    assert make(llm=FakeListLLM(responses=["Better."]), checks=[check]).align("q", "a").text
