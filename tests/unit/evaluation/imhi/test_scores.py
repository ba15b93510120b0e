"""Metrics of the IMHI benchmark, also on the released outputs."""

import pandas
import pytest

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.evaluation.imhi.scores import classifier_metrics, rule_metrics


def test_the_research_lines(golden, texts):
    folder = texts / "policy_outputs" / "IMHI"
    seen = 0
    for case in golden("rule_metrics_imhi"):
        path, expected = folder / case["input"]["file"], case["expected"]
        if not path.exists():
            continue
        seen += 1
        frame, dataset = pandas.read_csv(path), path.stem
        rows = (list(frame["goldens"]), list(frame["generated_text"]))
        if isinstance(expected, str):
            assert rule_metrics(dataset, *rows, research_compat=True).line() == expected
            continue
        kind = {"ValueError": ValueError, "AttributeError": AttributeError}[expected["error"]]
        with pytest.raises(kind, match=expected["message"].replace("[", r"\[")):
            rule_metrics(dataset, *rows, research_compat=True)
        if text := case.get("expected_if_outputs_are_str()ed"):
            outputs = [str(one) for one in rows[1]]
            assert rule_metrics(dataset, rows[0], outputs, research_compat=True).line() == text
    assert seen


def test_the_mended_default_takes_all_of_them(texts):
    for path in sorted((texts / "policy_outputs" / "IMHI").glob("*/*.csv")):
        frame = pandas.read_csv(path, keep_default_na=False)
        metrics = rule_metrics(path.stem, list(frame["goldens"]), list(frame["generated_text"]))
        assert metrics.rows == len(frame)
        assert metrics.left_out == 0
        assert 0 < metrics.accuracy < 100


def test_the_released_labels(texts):
    lines = {}
    for path in (texts / "imhi" / "label_examples").glob("*.csv"):
        frame = pandas.read_csv(path)
        metrics = classifier_metrics(path.stem, list(frame["goldens"]), list(frame["labels"]))
        lines[path.stem] = (
            metrics.accuracy,
            metrics.weighted_f1,
            metrics.micro_f1,
            metrics.macro_f1,
        )
    assert lines == {"DR": (82.86, 80.99, 82.86, 77.56), "SAD": (80.0, 81.28, 80.0, 70.23)}


def test_rows_without_a_class_are_left_out_and_counted():
    metrics = rule_metrics("DR", ["Yes.", "Perhaps.", "No."], ["yes", "yes", "what"])
    assert (metrics.rows, metrics.left_out, metrics.out_of_domain) == (2, 1, 1)
    assert metrics.accuracy == 100.0


def test_nothing_to_compare_is_an_error():
    with pytest.raises(DataError, match="nothing to compare"):
        rule_metrics("DR", ["Perhaps."], ["yes"])
