"""Sequence classifiers as reward models, on tiny checkpoints."""

import pytest
from safetensors.torch import load_file, save_file

from langchain_metaaligner.errors import CheckpointError
from langchain_metaaligner.rewards.classifier import SequenceReward

PAIRS = [("Human: Hi Assistant:", "Yes"), ("Human: Hi Assistant:", "No thanks.")]


def test_one_logit_of_prompt_and_response(tmp_path, checkpoint):
    reward = SequenceReward(checkpoint(tmp_path / "harmless", 1), device="cpu")
    both = reward(PAIRS)
    assert len(set(both)) == 2
    assert reward(PAIRS[1:]) == both[1:]
    assert reward([("Human: thanks Assistant:", "Yes")])[0] != both[0]


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


def test_a_model_without_a_head_is_no_reward_model(tmp_path, checkpoint):
    """Transformers puts random numbers in its place, and says so in a log."""
    folder = checkpoint(tmp_path / "harmless", 1)
    weights = load_file(f"{folder}/model.safetensors")
    del weights["score.weight"]
    save_file(weights, f"{folder}/model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match=r"lack 'score\.weight'"):
        SequenceReward(folder, device="cpu")


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
