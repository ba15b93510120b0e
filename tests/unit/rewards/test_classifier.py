"""Sequence classifiers as reward models, on tiny checkpoints."""

import pytest

from langchain_metaaligner.errors import CheckpointError, SettingError
from langchain_metaaligner.rewards.classifier import (
    ATTRIBUTES,
    DPA,
    DPARewardModel,
    Scorer,
    SequenceReward,
    directional,
    research_score,
)

PAIRS = [("Human: Hi Assistant:", "Yes"), ("Human: Hi Assistant:", "No thanks.")]


def test_one_logit_of_prompt_and_response(tmp_path, checkpoint):
    reward = SequenceReward(checkpoint(tmp_path / "harmless", 1), device="cpu")
    both = reward(PAIRS)
    assert len(set(both)) == 2
    assert reward(PAIRS[1:]) == both[1:]
    assert reward([("Human: thanks Assistant:", "Yes")])[0] != both[0]
    count, most = reward.limit
    assert (count("Hi Yes No"), most) == (3, 32)


def test_a_batch_scores_as_one_by_one(tmp_path, checkpoint):
    pairs = [*PAIRS, ("Human: thanks", "Hi Hi Hi . No"), ("Yes", ".")]
    for name, labels in (("harmless", 1), ("humor", 2)):
        folder = checkpoint(tmp_path / name, labels)
        alone = SequenceReward(folder, device="cpu")(pairs)
        together = SequenceReward(folder, device="cpu", batch_size=3)(pairs)
        assert together == pytest.approx(alone, abs=0.02)
        assert len({round(score, 2) for score in alone}) > 1


def test_a_humor_model_reads_the_response_alone(tmp_path, checkpoint):
    reward = SequenceReward(checkpoint(tmp_path / "humor", 2), device="cpu")
    first = reward(PAIRS)
    assert reward([("Human: thanks", response) for _, response in PAIRS]) == first
    encoded = reward._tokenizer("Yes", return_tensors="pt")
    assert first[0] == reward._model(**encoded).logits[0, 1].item()


def test_a_model_that_is_not_there(tmp_path):
    with pytest.raises(CheckpointError, match="Give the Hub id or the folder"):
        SequenceReward(str(tmp_path / "none"))


def test_a_model_with_other_outputs(tmp_path, checkpoint):
    with pytest.raises(CheckpointError, match="Give the Hub id or the folder"):
        SequenceReward(checkpoint(tmp_path / "harmless", 2), device="cpu")


def test_the_research_s_rounding(golden):
    for case in golden("get_rewards_rounding"):
        asked, expected = case["input"], case["expected"]
        mean_std = asked["mean_std"] and tuple(asked["mean_std"])
        made = research_score(asked["logits"][asked["sub_position"]], mean_std)
        assert [made] == pytest.approx(expected)


def test_the_research_s_inputs(golden, tmp_path, checkpoint, monkeypatch):
    """What each tokenizer is given, and which logit counts."""
    case = next(one for one in golden("reward_inputs") if len(one["input"].get("paths", ())) == 3)
    asked, expected = case["input"], case["expected"]
    for path, texts, _ in expected["tokenizer_calls"]:
        labels = 2 if "humor" in path else 1
        reward = SequenceReward(
            checkpoint(tmp_path / path.replace("/", "_"), labels),
            device="cpu",
            response_only="humor" in path,
        )
        calls, tokenizer = [], reward._tokenizer

        class Watched:
            model_max_length = tokenizer.model_max_length

            def __call__(self, *given, tokenizer=tokenizer, calls=calls, **named):
                calls.append(list(given))
                return tokenizer(*given, **named)

        monkeypatch.setattr(reward, "_tokenizer", Watched())
        reward([(asked["query"], asked["response"])])
        assert calls == [[[text] for text in texts]]


class TestDPA:
    @pytest.fixture
    def folder(self, tmp_path, checkpoint):
        return checkpoint(tmp_path / "dpa", 10, 256)

    def test_the_card(self, golden):
        template, scale = golden("dpa_card")
        asked = template["input"]
        assert (
            DPARewardModel.prompt(asked["prompt"], asked["response"])
            == (template["expected"]["text"])
        )
        assert DPARewardModel.helpsteer(scale["input"]["scores"]) == pytest.approx(
            scale["expected"]["helpsteer"]
        )

    def test_scores_ten_attributes_alike_alone_and_in_a_batch(self, folder):
        model = DPARewardModel.from_pretrained(folder, device="cpu", dtype="float32", batch_size=2)
        pairs = [("Hi", "Yes"), ("Hi", "No thanks"), ("thanks", "Yes Yes Yes")]
        together = model.score_all(pairs)
        assert all(tuple(one) == ATTRIBUTES for one in together)
        for pair, scores in zip(pairs, together, strict=True):
            assert model.score(*pair) == pytest.approx(scores, abs=1e-4)
        assert isinstance(model, Scorer)

    def test_other_weights_do_not_pass_for_the_published_ones(self, folder):
        model = DPARewardModel.from_pretrained(folder, device="cpu", dtype="float32")
        with pytest.raises(CheckpointError, match="model card's sample differ"):
            model.verify()

    def test_the_published_model_is_checked_when_it_is_loaded(
        self, tmp_path, checkpoint, monkeypatch
    ):
        monkeypatch.chdir(tmp_path)
        checkpoint(tmp_path / DPA, 10, 256)  # other weights under its name
        with pytest.raises(CheckpointError, match="model card's sample differ"):
            DPARewardModel.from_pretrained(DPA, device="cpu")

    def test_another_number_of_outputs_is_an_error(self, tmp_path, checkpoint):
        with pytest.raises(CheckpointError, match="has 3 outputs; the DPA reward model has 10"):
            DPARewardModel.from_pretrained(checkpoint(tmp_path / "three", 3))

    def test_remote_code_needs_a_pinned_revision(self):
        with pytest.raises(SettingError, match="revision"):
            DPARewardModel.from_pretrained(trust_remote_code=True)

    def test_directions(self):
        scores = dict(zip(ATTRIBUTES, range(10), strict=True))
        assert directional(scores, {"helpsteer-verbosity": -1.0}) == -4.0
        with pytest.raises(SettingError, match="'verbosity' is not scored"):
            directional(scores, {"verbosity": 1.0})
        with pytest.raises(SettingError, match="all weights are 0"):
            directional(scores, {"helpsteer-verbosity": 0.0})
