"""The MentalBERT label classifiers, on tiny checkpoints of the same layout."""

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

from langchain_metaaligner.errors import CheckpointError, DataError
from langchain_metaaligner.evaluation.imhi.classifiers import LabelClassifiers
from langchain_metaaligner.evaluation.imhi.labels import LABELS
from langchain_metaaligner.evaluation.imhi.run import evaluate_imhi

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "yes", "no", "work", "sleep", "."]


def save(folder, labels, chosen=None):
    """A classifier; with ``chosen``, one that always says that class."""
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        num_labels=labels,
    )
    model = BertForSequenceClassification(config)
    if chosen is not None:
        torch.nn.init.zeros_(model.classifier.weight)
        model.classifier.bias.data[chosen] = 1.0
    model.save_pretrained(folder)


def test_classes_have_the_names_of_the_research(tmp_path):
    save(tmp_path / "t-sid", 4, chosen=3)
    save(tmp_path / "SAD", 9, chosen=6)
    classifiers = LabelClassifiers(tmp_path, "cpu", batch_size=2)
    assert classifiers("t-sid", ["yes", "no", "work ."]) == ["control"] * 3
    assert classifiers("SAD", ["yes"]) == ["emotional"]


def test_texts_are_labelled_alike_alone_and_in_a_batch(tmp_path):
    save(tmp_path / "CAMS", 6)
    texts = ["yes", "no sleep .", "work work work no yes", "sleep " * 600, ""]
    together = LabelClassifiers(tmp_path, "cpu")("CAMS", texts)
    assert set(together) <= set(LABELS["CAMS"])
    alone = LabelClassifiers(tmp_path, "cpu", batch_size=1)
    assert [alone("CAMS", [text])[0] for text in texts] == together


def test_metrics_by_classifiers(tmp_path):
    save(tmp_path / "models" / "DR", 2, chosen=1)
    rows = "goldens,generated_text\nYes. Reasoning: a.,gibberish\nNo. Reasoning: b.,\n"
    (tmp_path / "DR.csv").write_text(rows)
    result = evaluate_imhi(
        tmp_path / "DR.csv",
        tmp_path / "run",
        classifiers=LabelClassifiers(tmp_path / "models", "cpu"),
    )
    figures = result.figures["datasets"]["DR"]
    assert figures["line"] == (
        "Dataset: DR, average acc:50.0, weighted F1 33.33, micro F1 50.0, macro F1 33.33"
    )
    assert (figures["empty"], figures["out_of_domain"]) == (1, None)
    assert result.settings["labels"] == "classifiers"
    assert [row["label"] for row in result.rows()] == [1, 1]


def test_what_does_not_fit_is_an_error(tmp_path):
    save(tmp_path / "DR", 3)
    classifiers = LabelClassifiers(tmp_path, "cpu")
    with pytest.raises(CheckpointError, match="has 3 labels, and DR has 2: no, yes"):
        classifiers("DR", ["yes"])
    with pytest.raises(CheckpointError, match="one for each data set, in a folder of its name"):
        classifiers("CAMS", ["yes"])
    with pytest.raises(DataError, match="know no data set 'Reddit'"):
        classifiers("Reddit", ["yes"])
