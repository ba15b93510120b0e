"""The benchmark over a folder: which files, which columns, and figures under their own names."""

import json

import pandas
import pytest

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.evaluation.imhi.outputs import data_files
from langchain_metaaligner.evaluation.imhi.people import ASPECTS
from langchain_metaaligner.evaluation.imhi.run import evaluate_imhi
from langchain_metaaligner.evaluation.imhi.text import corpus_bleu, rouge, sentence_bleu
from langchain_metaaligner.evaluation.report.page import sections_of

GOLDENS = ["Yes, the poster is stressed. Reasoning: work.", "No, they are not. Reasoning: a walk."]
OUTPUTS = ["Yes, the poster is stressed. Reasoning: long work.", "Reasoning: No, not at all."]


def write(path, outputs=OUTPUTS, column="generated_text", goldens=GOLDENS):
    pandas.DataFrame({"goldens": goldens, column: outputs}).to_csv(path, index=False)
    return path


def test_metrics_stand_under_their_own_names_in_any_order(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    write(folder / "dreaddit.csv")
    result = evaluate_imhi(
        folder,
        tmp_path / "run",
        metrics={
            "rougeL": rouge("rougeL"),
            "sentence-bleu": sentence_bleu,
            "rouge1": rouge("rouge1"),
        },
        corpus_metrics={"bleu": corpus_bleu},
    )
    metrics = result.figures["datasets"]["dreaddit"]["metrics"]
    assert metrics["bleu"] == pytest.approx(corpus_bleu(GOLDENS, OUTPUTS))
    sentences = sentence_bleu(GOLDENS, OUTPUTS)
    assert metrics["sentence-bleu"] == pytest.approx(sum(sentences) / 2)
    (section, *_) = sections_of(result)
    shown = dict(zip(section.headings, section.rows[0], strict=True))
    assert shown["bleu (corpus)"] == f"{metrics['bleu']:.3f}"
    assert shown["sentence-bleu (mean)"] == f"{metrics['sentence-bleu']:.3f}"
    assert shown["rougeL"] == f"{metrics['rougeL']:.3f}"
    assert shown["rouge1"] == f"{metrics['rouge1']:.3f}"
    assert [row["sentence-bleu"] for row in result.rows()] == pytest.approx(sentences)


def test_outputs_of_the_chain_are_found_by_their_names(tmp_path):
    for name in ("DR-aligned.csv", "t-sid.aligned.csv", "SAD.csv", "notes.csv"):
        write(tmp_path / name)
    (tmp_path / "DR-aligned.csv.ledger.jsonl").write_text("{}\n")
    files = data_files(tmp_path)
    assert {name: path.name for name, path in files.items()} == {
        "DR": "DR-aligned.csv", "SAD": "SAD.csv", "t-sid": "t-sid.aligned.csv",
    }  # fmt: skip
    assert list(data_files(tmp_path, ["SAD"])) == ["SAD"]
    write(tmp_path / "DR.csv")
    with pytest.raises(DataError, match=r"two files of DR: DR-aligned\.csv and DR\.csv"):
        data_files(tmp_path)


def test_a_file_of_any_name_with_its_data_set(tmp_path):
    path = write(tmp_path / "mine.csv")
    assert data_files(path, ["DR"]) == {"DR": path}
    with pytest.raises(DataError, match="or one file and its --dataset"):
        data_files(path)
    with pytest.raises(DataError, match="no data set 'D'"):
        data_files(path, ["D"])


def test_words_that_look_like_nothing_are_outputs(tmp_path):
    path = write(tmp_path / "CAMS.csv", ["None", "NA"], goldens=["none.", "none."])
    result = evaluate_imhi(path, tmp_path / "run")
    figures = result.figures["datasets"]["CAMS"]
    assert (figures["empty"], figures["out_of_domain"]) == (0, 1)
    assert [row["output"] for row in result.rows()] == ["None", "NA"]
    assert [row["label_name"] for row in result.rows()] == ["none", "none"]


def test_no_class_of_the_completion_sets_is_dropped(tmp_path):
    goldens = ["none.", "bias or abuse.", "jobs and career."]
    path = write(tmp_path / "CAMS.csv", goldens, goldens=goldens)
    result = evaluate_imhi(
        path, tmp_path / "run", classifiers=lambda dataset, texts: ["none", "bias", "job"]
    )
    figures = result.figures["datasets"]["CAMS"]
    assert (figures["rows"], figures["left_out"], figures["accuracy"]) == (3, 0, 100.0)
    labels = pandas.read_csv(tmp_path / "run" / "labels" / "CAMS.csv", keep_default_na=False)
    assert labels.columns.tolist() == ["goldens", "generated_text", "labels"]
    assert labels["labels"].tolist() == ["none", "bias", "job"]


def test_backslashes_reach_the_metrics_as_they_are(tmp_path):
    path = write(tmp_path / "DR.csv", [r"Yes, \alpha. Reasoning: x."] * 2)
    seen = []
    evaluate_imhi(
        path, tmp_path / "run", metrics={"m": lambda _, texts: seen.extend(texts) or [0, 0]}
    )
    assert seen == [r"Yes, \alpha. Reasoning: x."] * 2


def test_scores_that_are_absent_are_counted(tmp_path):
    path = write(tmp_path / "DR.csv", ["Yes.", ""])
    result = evaluate_imhi(
        path, tmp_path / "run", metrics={"m": lambda _, texts: [1.0, float("nan")]}
    )
    figures = result.figures["datasets"]["DR"]
    assert (figures["metrics"]["m"], figures["without_score"]["m"]) == (1.0, 1)


def test_the_research_s_lines(tmp_path):
    write(tmp_path / "DR.csv")
    evaluate_imhi(tmp_path, tmp_path / "run", research_compat=True)
    assert (tmp_path / "run" / "results.txt").read_text().startswith("Dataset: DR, average acc:")


def test_people_are_asked_file_by_file(tmp_path):
    write(tmp_path / "DR.csv")
    human = tmp_path / "DR_annotation"
    human.mkdir()
    for name, column, number in (
        ("chatgpt_data", "gpt-3.5-turbo", 4),
        ("gpt3_data", "curie-instruct-beta", 3),
    ):
        rows = [
            {"text": "the pump moves water", "label": "yes", column: " ".join(["pump"] * (n + 1)),
             **dict.fromkeys(ASPECTS, json.dumps([n, n, n]))}
            for n in range(number)
        ]  # fmt: skip
        rows.append({**rows[0], "overall": "broken"})
        pandas.DataFrame(rows).to_csv(human / f"{name}.csv", index=False)
    result = evaluate_imhi(
        tmp_path / "DR.csv", tmp_path / "run", metrics={"rouge1": rouge("rouge1")}, human=human
    )
    correlations = result.figures["correlations"]
    assert {name: its["rouge1"]["overall"]["n"] for name, its in correlations.items()} == {
        "chatgpt_data": 4, "gpt3_data": 3,
    }  # fmt: skip
    assert result.figures["unread_ratings"] == {"bad rating": 2}
    _, section = sections_of(result)
    assert [row[:3] for row in section.rows] == [
        ["chatgpt_data", "rouge1", "4"], ["gpt3_data", "rouge1", "3"],
    ]  # fmt: skip
    assert section.words[-1] == "2 rows could not be read and do not count."
