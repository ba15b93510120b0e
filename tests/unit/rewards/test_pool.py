"""Reward models in processes of their own."""

import pytest

from langchain_metaaligner.errors import CheckpointError, SettingError
from langchain_metaaligner.rewards.load import reward_model
from langchain_metaaligner.rewards.pool import reward_processes, token_limit

PAIRS = [("Human: Hi", answer) for answer in ("Yes", "No", "Yes thanks.", "No thanks", ".")]


def test_tokens_are_counted_without_the_model(tmp_path, checkpoint):
    folder = checkpoint(tmp_path / "reward", 1)
    (tmp_path / "reward" / "model.safetensors").unlink()
    count, limit = token_limit(folder)
    assert count("Yes thanks.") == 3
    assert limit == 32
    assert token_limit(f"{folder}#honesty")[1] == limit


def test_a_tokenizer_that_is_not_there(tmp_path):
    with pytest.raises(CheckpointError, match="Give the Hub id or the folder"):
        token_limit(str(tmp_path))


@pytest.mark.parametrize("processes", [0, -1])
def test_no_process_scores_nothing(processes):
    with (
        pytest.raises(SettingError, match=f"processes={processes} was given"),
        reward_processes({}, processes),
    ):
        pass


@pytest.mark.slow
def test_two_processes_score_as_one_model_does(tmp_path, checkpoint):
    """More processes than pairs in one call; two objectives of one model; nothing at all."""
    folder = checkpoint(tmp_path / "reward", 1)
    expected = reward_model(folder, "cpu")(PAIRS)
    with reward_processes({"harmless": folder, "helpful": folder}, 2, "cpu") as rewards:
        assert list(rewards) == ["harmless", "helpful"]
        assert rewards["harmless"](PAIRS) == pytest.approx(expected, abs=1e-6)
        assert rewards["helpful"](PAIRS[:1]) == pytest.approx(expected[:1], abs=1e-6)
        assert rewards["helpful"]([]) == []


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_ends_the_call_with_its_name(tmp_path):
    absent = str(tmp_path / "absent")
    with (
        reward_processes({"harmless": absent}, 2, "cpu") as rewards,
        pytest.raises(CheckpointError, match=absent),
    ):
        rewards["harmless"](PAIRS)
