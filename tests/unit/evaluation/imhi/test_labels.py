"""Labels of the IMHI benchmark."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.evaluation.imhi.labels import (
    DEFAULTS,
    LABELS,
    class_name,
    golden_label,
    golden_rule_label,
    predicted_label,
    rule_label,
)


def test_rules_of_the_research(golden_real):
    for case in golden_real("rule_labels_imhi"):
        asked, expected = case["input"], case["expected"]
        dataset = asked["dataset"]
        if dataset not in DEFAULTS:
            with pytest.raises(DataError, match="has no data set"):
                rule_label(dataset, asked["output"], research_compat=True)
        elif "error" in expected:
            with pytest.raises(AttributeError):
                rule_label(dataset, asked["output"], research_compat=True)
        else:
            gold = golden_rule_label(dataset, asked["golden"], research_compat=True)
            made = rule_label(dataset, asked["output"], research_compat=True)
            assert gold == expected["gold"]
            if dataset == "swmh" and gold is None:
                assert expected["pred"] is None
            else:
                assert made == (expected["pred"], expected["ood"])


def test_labels_of_the_classifiers(golden_real):
    for case in golden_real("label_inference_calculate"):
        asked, expected = case["input"], case["expected"]
        if "golden" not in asked:
            continue
        dataset = asked["dataset"]
        if "error" in expected:
            with pytest.raises(DataError, match="Wrong label in predictions"):
                predicted_label(dataset, asked["label"])
        else:
            gold = golden_label(dataset, asked["golden"], research_compat=True)
            assert gold == expected["gold"]
            if not (dataset == "swmh" and gold is None):
                assert predicted_label(dataset, asked["label"]) == expected["pred"]


def test_label_maps(golden):
    for case in golden("label_inference_maps"):
        dataset, expected = case["input"]["dataset"], case["expected"]
        if "error" in expected:
            assert dataset not in LABELS
            continue
        assert list(LABELS[dataset]) == [
            expected["labels"][str(at)] for at in range(expected["num_labels"])
        ]


@pytest.mark.parametrize(
    ("dataset", "text", "label"),
    [
        ("CAMS", "This post shows no causes of depression. Reasoning: None is named.", 0),
        ("CAMS", "This post shows causes of depression related to jobs and career.", 2),
        ("SAD", "This post shows the stress cause related to emotion turmoil.", 6),
        ("SAD", "This post shows other stress causes. Reasoning: It is about work.", 8),
        ("DR", "No, the poster does not suffer from depression.", 0),
        ("DR", "The poster doesn't suffer from depression. Reasoning: yes.", 0),
        ("t-sid", "This post shows suicide or self-harm tendency.", 1),
        ("swmh", "This post shows no mental disorder symptoms.", 0),
    ],
)
def test_heads_that_really_occur(dataset, text, label):
    assert rule_label(dataset, text) == (label, False)
    assert golden_rule_label(dataset, text) == label


@pytest.mark.parametrize(
    ("dataset", "text", "label"),
    [
        ("DR", "Reasoning: Yes, the poster suffers from depression. Reasoning: no sleep.", 1),
        ("DR", "Reasoning: No, the poster does not. Reasoning: yes, a walk.", 0),
        ("swmh", "\nReasoning: This post shows bipolar symptoms.", 4),
        ("SAD", "Reasoning: It is about work. Reasoning: family.", 4),
    ],
)
def test_the_form_of_the_33b_card(dataset, text, label):
    assert rule_label(dataset, text) == (label, False)
    default = DEFAULTS[dataset]
    assert rule_label(dataset, text, research_compat=True) == (default, True)


@pytest.mark.parametrize(
    ("dataset", "text", "label"),
    [("CAMS", "none.", 0), ("SAD", "emotional turmoil.", 6), ("SAD", "other causes.", 8)],
)
def test_the_wording_of_the_completion_sets(dataset, text, label):
    assert golden_label(dataset, text) == golden_rule_label(dataset, text) == label


@pytest.mark.parametrize("dataset", sorted(LABELS))
def test_every_label_of_a_classifier_has_its_class(dataset):
    for label in LABELS[dataset]:
        number = predicted_label(dataset, label)
        assert predicted_label(dataset, class_name(dataset, number)) == number


@pytest.mark.parametrize("text", ["", None, float("nan"), "I cannot know another's eyes."])
def test_what_names_no_class_is_out_of_the_domain(text):
    assert rule_label("DR", text) == (0, True)
    assert rule_label("SAD", text) == (8, True)


def test_unknown_data_sets_are_an_error():
    with pytest.raises(DataError, match="Did you mean 'dreaddit'"):
        rule_label("dreadit", "yes")


@given(dataset=st.sampled_from(sorted(DEFAULTS)), text=st.text())
def test_any_text_has_a_label(dataset, text):
    label, _ = rule_label(dataset, text)
    assert 0 <= label < 9
