"""Metrics of explanations, on models that the tests build."""

import json
import math

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
)

from langchain_metaaligner.errors import CheckpointError, DataError, SettingError
from langchain_metaaligner.evaluation.imhi.people import (
    ASPECTS,
    correlations,
    read_annotations,
)
from langchain_metaaligner.evaluation.imhi.text import (
    BartScore,
    bert_score,
    corpus_bleu,
    rouge,
    sentence_bleu,
)
from langchain_metaaligner.tables.problems import Problems

GOLDEN = ["the pump moves water to the roof", "yes it does", "no"]
TEXTS = ["the pump moves water to the cellar", "yes it does", "the roof"]
WORDS = sorted({word for text in GOLDEN + TEXTS for word in text.split()})


@pytest.fixture(scope="session")
def tokenizer():
    vocab = {word: at for at, word in enumerate(["<s>", "<pad>", "</s>", "<unk>", *WORDS])}
    backend = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<s>",
        cls_token="<s>",
        sep_token="</s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        model_max_length=64,
    )


@pytest.fixture(scope="session")
def bart(tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bart")
    torch.manual_seed(0)
    config = BartConfig(
        vocab_size=len(tokenizer), d_model=16, encoder_layers=1, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=16,
        decoder_ffn_dim=16, max_position_embeddings=64, pad_token_id=1, bos_token_id=0,
        eos_token_id=2, decoder_start_token_id=2, forced_eos_token_id=2,
    )  # fmt: skip
    BartForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def by_hand(folder, tokenizer, golden, text):
    """One row alone: the mean log-probability of the golden tokens."""
    model = BartForConditionalGeneration.from_pretrained(folder).eval()
    labels = tokenizer(golden, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        logits = model(**tokenizer(text, return_tensors="pt"), labels=labels).logits
    log = logits.log_softmax(-1)[0, torch.arange(labels.shape[1]), labels[0]]
    return float(log.mean())


def test_bart_score_is_the_mean_log_likelihood(bart, tokenizer):
    score = BartScore(str(bart), device="cpu", batch_size=2)
    made = score(GOLDEN, TEXTS)
    wanted = [by_hand(bart, tokenizer, *row) for row in zip(GOLDEN, TEXTS, strict=True)]
    assert made == pytest.approx(wanted, abs=1e-4)


def test_bart_score_takes_the_released_weights(bart, tmp_path):
    model = BartForConditionalGeneration.from_pretrained(bart)
    torch.nn.init.normal_(model.model.decoder.layers[0].fc1.weight)
    torch.save(model.state_dict(), tmp_path / "bart_score.pth")
    plain = BartScore(str(bart), device="cpu")(GOLDEN, TEXTS)
    trained = BartScore(str(bart), tmp_path / "bart_score.pth", device="cpu")(GOLDEN, TEXTS)
    assert plain != trained


def test_bart_score_without_a_model_is_an_error(tmp_path):
    with pytest.raises(CheckpointError, match="No BART could be loaded"):
        BartScore(str(tmp_path))


@pytest.fixture(scope="session")
def bert(tokenizer, tmp_path_factory):
    """Saves an encoder, whose tokenizer may declare no limit."""

    def save(limit=64):
        folder = tmp_path_factory.mktemp("bert")
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=16, max_position_embeddings=64, pad_token_id=1,
        )  # fmt: skip
        BertModel(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        path = folder / "tokenizer_config.json"
        told = json.loads(path.read_text())
        told.pop("model_max_length", None)
        path.write_text(json.dumps(told | ({"model_max_length": limit} if limit else {})))
        return str(folder)

    return save


def test_bert_score_is_highest_for_the_golden_text(bert):
    scores = bert_score(bert(), layer=2, device="cpu")(GOLDEN, TEXTS)
    assert scores[1] == pytest.approx(1.0, abs=1e-4)
    assert max(scores[0], scores[2]) < scores[1]


def test_bert_score_of_empty_texts(bert):
    score = bert_score(bert(), layer=2, device="cpu")
    full, empty, blank, no_golden = score(
        [GOLDEN[0], GOLDEN[1], GOLDEN[1], " "], [GOLDEN[0], "", " \n", "yes"]
    )
    assert full == pytest.approx(1.0, abs=1e-4)
    assert empty == blank == 0.0
    assert math.isnan(no_golden)
    assert score(["yes"], [""]) == [0.0]
    assert score([], []) == []


def test_bert_score_of_a_tokenizer_without_a_limit(bert):
    score = bert_score(bert(limit=None), layer=2, device="cpu")
    (value,) = score(["water " * 200], ["water " * 200])
    assert value == pytest.approx(1.0, abs=1e-4)


def test_bert_score_on_an_encoder_as_roberta(tokenizer, tmp_path):
    config = RobertaConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=34, pad_token_id=1,
    )  # fmt: skip
    RobertaModel(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    score = bert_score(str(tmp_path), layer=1, device="cpu")
    assert score(["water " * 200, "yes"], ["water " * 200, ""]) == pytest.approx([1.0, 0.0])


def test_bert_score_that_cannot_be_made_is_one_sentence(bert, tmp_path):
    with pytest.raises(SettingError, match=r"knows no layer for .*--bert-layer"):
        bert_score(bert(), device="cpu")
    with pytest.raises(SettingError, match="layer=7 cannot be used"):
        bert_score(bert(), layer=7, device="cpu")
    with pytest.raises(CheckpointError, match="No encoder could be loaded"):
        bert_score(str(tmp_path), layer=1, device="cpu")


def test_bart_score_of_empty_texts(bart):
    score = BartScore(str(bart), device="cpu")
    no_golden, no_output, full = score(["", GOLDEN[0], GOLDEN[0]], ["yes", "", GOLDEN[0]])
    assert math.isnan(no_golden)
    assert no_output < 0
    assert full < 0


def test_likeness_of_words():
    assert sentence_bleu(GOLDEN, TEXTS)[1] == pytest.approx(100)
    assert 0 < corpus_bleu(GOLDEN, TEXTS) < 100
    assert rouge("rouge1")(GOLDEN, TEXTS)[1:] == [1.0, 0.0]
    assert sentence_bleu(["a"], [""]) == [0.0]
    assert rouge("rougeL")(["a"], [""]) == [0.0]


def test_correlations():
    made = correlations([1.0, 2.0, math.nan, 4.0], [3.0, 2.0, 9.0, 1.0])
    assert made["spearman"] == made["kendall"] == pytest.approx(-1.0)
    assert all(math.isnan(one) for one in correlations([1.0, 1.0], [0.0, 3.0]).values())


def test_annotations_are_read_with_mark_and_returns(tmp_path):
    path = tmp_path / "chatgpt_false_data.csv"
    header = ",".join(["text", "label", "gpt-3.5-turbo", *ASPECTS])
    rows = [
        'a post,yes,an explanation,"[3, 3, 2]","[1, 1, 1]","[0, 1, 2]","[2, 2, 2]"',
        "another,no,words,broken,[1],[1],[1]",
    ]
    path.write_bytes(("\ufeff" + "\r\n".join([header, *rows]) + "\r\n").encode())
    problems = Problems()
    (row,) = read_annotations(path, problems)
    assert (row.post, row.label, row.text) == ("a post", "yes", "an explanation")
    assert row.ratings["fluency"] == pytest.approx(8 / 3)
    assert problems.counts == {"bad rating": 1}
    path.write_text("text,label\na,b\n")
    with pytest.raises(DataError, match="lacks the columns"):
        read_annotations(path, problems)
