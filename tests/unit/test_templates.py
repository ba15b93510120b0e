import math

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_metaaligner.errors import ObjectiveError, TemplateError
from langchain_metaaligner.models.published import PUBLISHED
from langchain_metaaligner.objectives import KNOWN, Objective, known_objective, parse_objective
from langchain_metaaligner.templates import (
    HH_RLHF,
    IMHI,
    TEMPLATES,
    ULTRAFEEDBACK,
    EditTemplate,
    template_for,
)

DIALOGUE = [
    SystemMessage("You are kind."),
    HumanMessage("one"),
    AIMessage("two"),
    HumanMessage("three"),
]


def test_objective_texts_of_every_script(golden):
    cases = golden("objectives")
    assert len(cases) == 43
    for case in cases:
        template = EditTemplate.named(case["input"]["dataset"])
        text = case["expected"]
        label = text.partition(":")[0]
        key = case["input"]["key"] or label
        assert template.objective_text(known_objective(key)) == text


def test_template_literals_of_every_script(golden):
    kinds = {"better", "equal"}
    cases = [case for case in golden("template_literals") if case["input"]["kind"] in kinds]
    assert len(cases) == 7
    for case in cases:
        template = EditTemplate.named(case["input"]["dataset"])
        assert getattr(template, case["input"]["kind"]) == case["expected"]


def test_prompts_on_real_rows(golden_real):
    cases = golden_real("templates")
    assert len(cases) == 89
    for case in cases:
        asked, expected = case["input"], case["expected"]
        template = EditTemplate.named(asked["aligner"])
        answer = math.nan if asked["answer"] is None else asked["answer"]
        if not asked["aspects"]:
            with pytest.raises(ObjectiveError):
                template.format(asked["question"], answer, asked["aspects"])
        elif isinstance(expected, dict):
            # a key that only this script does not know is an alias here
            assert expected == {"error": "KeyError"}
            assert template.format(asked["question"], answer, asked["aspects"])
        else:
            assert template.format(asked["question"], answer, asked["aspects"]) == expected


def test_equal_form_of_imhi_is_the_better_one_with_one_word_changed():
    assert IMHI.equal == IMHI.better.replace("make it better", "make it equal")


def test_sixteen_trained_texts():
    trained = {
        template.objective_text(KNOWN[name])
        for template in TEMPLATES.values()
        for name in template.objectives
    }
    untrained = set(KNOWN) - {name for t in TEMPLATES.values() for name in t.objectives}
    assert len(trained) + len(untrained) == 16
    assert sorted(untrained) == ["factual", "fair", "length", "readable", "repeat", "specific"]


def test_untrained_objective_takes_its_home_text_with_the_article_of_the_template():
    assert HH_RLHF.objective_text(KNOWN["fair"]).startswith("Fairness: The response")
    assert ULTRAFEEDBACK.objective_text(KNOWN["harmless"]).startswith("Harmlessness: the response")
    assert HH_RLHF.objective_text(KNOWN["correct"]) == (
        "Correctness: The explanations should make correct predictions"
    )
    own = Objective("concise", "the response should fit in one sentence")
    assert HH_RLHF.objective_text(own) == "Concise: the response should fit in one sentence"
    assert IMHI.objective_text(Objective("kind", "Theirs is kind")) == "Kind: Theirs is kind"


def test_dialogue_forms():
    assert HH_RLHF.question_text(DIALOGUE) == (
        "\n\nHuman: one\n\nAssistant: two\n\nHuman: three \n\nAssistant:"
    )
    assert ULTRAFEEDBACK.question_text(DIALOGUE) == "three"
    assert IMHI.question_text(DIALOGUE) == "three"


def test_strings_with_markup_pass_as_they_are():
    marked_up = "\n\nHuman: what's up \n\nAssistant:"
    assert HH_RLHF.question_text(marked_up) == marked_up
    assert HH_RLHF.question_text("what's up") == marked_up
    assert ULTRAFEEDBACK.question_text("what's up") == "what's up"


def test_tool_turns_do_not_enter():
    messages = [
        HumanMessage("1+2?"),
        AIMessage("", tool_calls=[{"name": "add", "args": {}, "id": "c"}]),
        ToolMessage("3", tool_call_id="c"),
    ]
    assert HH_RLHF.question_text(messages) == "\n\nHuman: 1+2? \n\nAssistant:"


@pytest.mark.parametrize("messages", [[], [SystemMessage("s")], [AIMessage("a")]])
def test_no_human_turn_is_blank(messages):
    assert HH_RLHF.question_text(messages) == ""
    assert ULTRAFEEDBACK.question_text(messages) == ""


def test_shortened_keeps_the_last_question():
    asked = HH_RLHF.question_text([*DIALOGUE, AIMessage("four"), HumanMessage("five")])
    shorter = list(HH_RLHF.shortened(asked))
    assert [text.count("Human:") for text in shorter] == [2, 1]
    assert shorter[-1] == "\n\nHuman: five \n\nAssistant:"
    assert list(ULTRAFEEDBACK.shortened("a\n\nHuman: b")) == []


def test_context_goes_before_the_question():
    assert ULTRAFEEDBACK.with_context("why?", ["doc a", "doc b"]) == "doc a\n\ndoc b\n\nwhy?"
    assert HH_RLHF.with_context(
        "\n\nHuman: x\n\nAssistant: y\n\nHuman: why? \n\nAssistant:", ["d"]
    ) == ("\n\nHuman: x\n\nAssistant: y\n\nHuman: d\n\nwhy? \n\nAssistant:")
    assert ULTRAFEEDBACK.with_context("why?", []) == "why?"


def test_imhi_prefix_is_cleaned_once():
    assert IMHI.clean("Answer: Answer: yes") == "Answer: yes"
    assert ULTRAFEEDBACK.clean("Answer: yes") == "Answer: yes"


@pytest.mark.parametrize(
    ("output", "leaks"),
    [
        ("Fine.", False),
        ("Fine. | Edit: again", True),
        ("| Query: what", True),
        (
            "You are an assistant to human. You will be provided with a query and an answer. "
            "Consider the query, then edit the answer to improve it considering these aspects:",
            True,
        ),
        ("a | b", False),
    ],
)
def test_leaks(output, leaks):
    assert ULTRAFEEDBACK.leaks(output) is leaks


def test_braces_are_inert():
    assert "{x} {} {0}" in ULTRAFEEDBACK.format("{x} {} {0}", "a", ["fair"])


@pytest.mark.parametrize("name", ["hh-rlhf", "HH-RLHF", " ultrafeedback ", "imhi"])
def test_named_in_any_case(name):
    assert EditTemplate.named(name).name.casefold() == name.strip().casefold()


@pytest.mark.parametrize("name", ["hhrlhf", "", None, 3])
def test_unknown_templates(name):
    with pytest.raises(TemplateError, match="Known templates: HH-RLHF, UltraFeedback, IMHI"):
        EditTemplate.named(name)


def test_unknown_mode():
    with pytest.raises(TemplateError, match="'worse'"):
        IMHI.format("q", "a", ["correct"], mode="worse")


def test_auto():
    assert template_for("x", trained="imhi") is IMHI
    assert template_for("MetaAligner/MetaAligner-HH-RLHF-1.1B") is HH_RLHF
    assert template_for("/models/IMHI-mine") is IMHI
    assert template_for("gpt-4o") is ULTRAFEEDBACK
    assert template_for("x/hh-rlhf") is ULTRAFEEDBACK


def test_eight_published_checkpoints():
    told = {checkpoint.hub_id: checkpoint.objectives for checkpoint in PUBLISHED}
    assert len(told) == 8
    assert told["MetaAligner/MetaAligner-HH-RLHF-7B"] == ("harmless", "helpful", "humor")
    assert told["MetaAligner/MetaAligner-UltraFeedback-13B"][:3] == (
        "instruction_following",
        "honest",
        "truthful",
    )
    assert "MetaAligner/MetaAligner-IMHI-1.1B" not in told
    for hub_id in told:
        assert template_for(hub_id).name in hub_id


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=lambda template: template.name)
def test_own_texts_are_not_altered(template):
    for text in ("Kind: The response should be kind", "Kind: the response should be kind"):
        assert template.objective_text(parse_objective(text)) == text
