"""Structured answers: the named texts are edited together, and nothing else changes."""

import asyncio
import dataclasses
import pickle

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.prompts import ChatPromptTemplate
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator, model_validator

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.errors import EditRejectedError, SettingError
from langchain_metaaligner.testing import FakeAlignerLLM

PATHS = ["advice", "steps[].text"]


def polite(prompt):
    """The draft of a prompt without its insult."""
    draft = prompt.split(" | Answer: ")[1].split(" | Edit: ")[0]
    return draft.replace(", you fool", "").replace("!!", "!!! Then dry it flat in the shade.")


class Step(BaseModel):
    text: str
    minutes: float = 1.0


class Advice(BaseModel):
    model_config = ConfigDict(extra="allow")

    advice: str = Field(max_length=40)
    steps: list[Step] = []
    note: str | None = None
    stamp: bytes = b"\x00\xff"
    _seen: int = PrivateAttr(default=0)


def make(**options):
    editor = FakeAlignerLLM(polite)
    aligner = MetaAlignerRunnable(
        **{"objectives": ["harmless"], "llm": editor, "fields": PATHS, **options}
    )
    return aligner, editor


def advice(**changes):
    given = Advice(
        advice="Wash it, you fool.",
        steps=[Step(text="Soak it, you fool.", minutes=9.5), Step(text="Dry it.")],
        extra=[1, {"a": "Leave me, you fool."}],
    )
    given._seen = 7
    return given.model_copy(update=changes)


def edited():
    return advice(
        advice="Wash it.", steps=[Step(text="Soak it.", minutes=9.5), Step(text="Dry it.")]
    )


WAYS = {
    "invoke": lambda aligner, value: aligner.invoke(value),
    "ainvoke": lambda aligner, value: asyncio.run(aligner.ainvoke(value)),
    "batch": lambda aligner, value: aligner.batch([value, value])[1],
    "abatch": lambda aligner, value: asyncio.run(aligner.abatch([value, value]))[1],
    "stream": lambda aligner, value: next(iter(aligner.stream(value))),
    "live": lambda aligner, value: next(
        iter(aligner.model_copy(update={"streaming": "live"}).stream(value))
    ),
}

by_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


@by_way
def test_an_object_beside_its_question(way):
    aligner, _ = make()
    draft = advice()
    result = way(aligner, {"question": "How do I wash wool?", "answer": draft, "id": 3})
    assert result == {"question": "How do I wash wool?", "answer": edited(), "id": 3}
    after = result["answer"]
    assert (after._seen, after.model_fields_set) == (7, draft.model_fields_set)
    assert after.model_extra == draft.model_extra
    assert draft == advice()


def test_all_texts_in_one_call_of_the_model():
    aligner, editor = make()
    aligner.invoke({"question": "How?", "answer": advice()})
    (prompts,) = editor.calls
    assert len(prompts) == 3
    assert all(" | Query: How? | Answer: " in prompt for prompt in prompts)


@dataclasses.dataclass(frozen=True)
class Frozen:
    advice: str
    steps: tuple[dict, ...]
    number: int


PLAIN = {
    "advice": "Wash it, you fool.",
    "steps": [{"text": "Dry it, you fool.", "by": None}],
    "n": 1,
}
CLEAN = {"advice": "Wash it.", "steps": [{"text": "Dry it.", "by": None}], "n": 1}


@by_way
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"question": "How?", **PLAIN}, {"question": "How?", **CLEAN}),
        (
            {"messages": [HumanMessage("How?")], "structured_response": PLAIN},
            {"messages": [HumanMessage("How?")], "structured_response": CLEAN},
        ),
        (
            {"question": "How?", "raw": AIMessage("x"), "parsed": PLAIN, "parsing_error": None},
            {"question": "How?", "raw": AIMessage("x"), "parsed": CLEAN, "parsing_error": None},
        ),
        (
            {"input": "How?", "output": Frozen("Wash it, you fool.", ({"text": "Dry."},), 3)},
            {"input": "How?", "output": Frozen("Wash it.", ({"text": "Dry."},), 3)},
        ),
    ],
)
def test_other_structures(value, expected, way):
    aligner, _ = make()
    result = way(aligner, value)
    assert result == expected
    assert list(result) == list(value)


def test_optional_texts_are_left_out():
    aligner, editor = make(fields=["advice", "note", "steps[].text"])
    value = {"question": "How?", "answer": advice(steps=[], note=None)}
    assert aligner.invoke(value)["answer"].note is None
    assert len(editor.calls[0]) == 1
    blank = {"question": "How?", "answer": {"advice": " ", "note": None, "steps": []}}
    assert aligner.invoke(blank) == blank


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True)

    advice: str = Field(max_length=30, validation_alias="rat")
    count: int

    @field_validator("advice")
    @classmethod
    def stripped(cls, value):
        return value.strip()

    @model_validator(mode="after")
    def counted(self):
        if self.advice.count("!") > 2:
            raise ValueError("too loud")
        return self


def test_the_object_is_validated_again():
    aligner, _ = make(fields=["advice"])
    draft = Strict(rat="Wash it, you fool.", count=1)
    after = aligner.invoke({"question": "How?", "answer": draft})["answer"]
    assert after == Strict(rat="Wash it.", count=1)
    loud = Strict(rat="Wash it!!", count=1)
    assert aligner.invoke({"question": "How?", "answer": loud})["answer"] is loud


def test_an_edit_that_is_not_valid_leaves_the_draft(caplog):
    aligner, _ = make(on_failure="raise")
    value = {"question": "How?", "answer": advice(advice="Wash it!!")}
    with pytest.raises(EditRejectedError) as rejected:
        aligner.invoke(value)
    record = rejected.value.alignment
    assert (record.decision, record.reason) == ("kept", "invalid")
    assert "at most 40 characters" in record.detail


def test_one_refused_text_leaves_all():
    def half(prompt):
        return "" if "Dry it" in prompt else polite(prompt)

    aligner, _ = make(llm=FakeAlignerLLM(half))
    value = {"question": "How?", "answer": advice()}
    assert aligner.invoke(value) == value
    aligner, _ = make(llm=FakeAlignerLLM(half), on_failure="raise")
    with pytest.raises(EditRejectedError) as rejected:
        aligner.invoke(value)
    record = rejected.value.alignment
    assert (record.reason, record.detail) == ("empty", "steps[1].text: The model wrote nothing.")
    assert record.original == "Wash it, you fool.\n\nSoak it, you fool.\n\nDry it."


def test_a_refusal_stands_in_every_text():
    aligner, _ = make(llm=FakeAlignerLLM(lambda prompt: ""), on_failure="refuse", refusal="Sorry.")
    after = aligner.invoke({"question": "How?", "answer": advice()})["answer"]
    assert (after.advice, [step.text for step in after.steps]) == ("Sorry.", ["Sorry.", "Sorry."])
    long = make(llm=FakeAlignerLLM(lambda p: ""), on_failure="refuse", refusal="Sorry. " * 9)[0]
    with pytest.raises(EditRejectedError):
        long.invoke({"question": "How?", "answer": advice()})


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"advise": "Wash it, you fool.", "steps": []}, "no 'advice'. Did you mean 'advise'?"),
        ({"advice": "Wash it.", "steps": "Dry it."}, "steps is a str and no list."),
        ({"advice": 7, "steps": []}, "advice is a int and no text."),
        ({"advice": "Wash it.", "steps": [{"text": "x"}, {"txt": "y"}]}, "steps[1] has no 'text'."),
    ],
)
def test_a_path_that_leads_nowhere_leaves_the_draft(answer, says, caplog):
    value = {"question": "How?", "answer": answer}
    aligner, editor = make()
    assert aligner.invoke(value) == value
    assert editor.calls == []
    assert says in caplog.text


@pytest.mark.parametrize(
    "fields",
    [[""], ["a..b"], ["steps[0].text"], ["[]"], ["a b"], ["a", "a"], [7], "advice", ["a."]],
)
def test_paths_that_are_none(fields):
    with pytest.raises(SettingError, match="fields"):
        make(fields=fields)


def test_texts_and_messages_are_edited_as_such():
    aligner, _ = make()
    assert (
        aligner.invoke({"question": "How?", "answer": "Wash it, you fool."})["answer"] == "Wash it."
    )
    messages = aligner.invoke([HumanMessage("How?"), AIMessage("Wash it, you fool.")])
    assert messages[-1].text == "Wash it."


class Structured(BaseChatModel):
    """Answers by a call of the tool that carries the structure."""

    @property
    def _llm_type(self):
        return "structured"

    def bind_tools(self, tools, **kwargs):
        return self

    def _generate(self, messages, *args, **kwargs):
        args = {"advice": "Wash it, you fool.", "steps": [{"text": "Dry it, you fool."}]}
        call = {"name": "Advice", "args": args, "id": "1"}
        return ChatResult(generations=[ChatGeneration(message=AIMessage("", tool_calls=[call]))])


@pytest.mark.parametrize("include_raw", [False, True])
def test_behind_with_structured_output_the_question_is_found(include_raw):
    aligner, editor = make()
    prompt = ChatPromptTemplate.from_messages([("system", "Brief."), ("human", "{q}")])
    chain = prompt | Structured().with_structured_output(Advice, include_raw=include_raw) | aligner
    result = chain.invoke({"q": "How do I wash wool?"})
    after = result["parsed"] if include_raw else result
    assert (after.advice, after.steps[0].text) == ("Wash it.", "Dry it.")
    assert " | Query: How do I wash wool? | Answer: " in editor.calls[0][0]


def test_it_can_be_pickled():
    twin = pickle.loads(pickle.dumps(make(llm=None)[0]))
    assert twin.fields == tuple(PATHS)
