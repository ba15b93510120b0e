"""Which objective a reward model scores, and how it is fed: by its own metadata."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from langchain_metaaligner.errors import CheckpointError, SettingError
from langchain_metaaligner.rewards import PUBLISHED, reward_model, trained_objective

PAIRS = [("Human: Hi Assistant:", "Yes"), ("Human: Hi Assistant:", "No thanks.")]


def test_metadata_counts_more_than_a_name(tmp_path, checkpoint):
    folder = checkpoint(tmp_path / "a-humor-model", 1)
    Path(folder, "metaaligner.json").write_text(
        json.dumps({"objective": "IF", "response_only": False})
    )
    assert trained_objective(folder) == "instruction_following"
    assert len(set(reward_model(folder, device="cpu")(PAIRS))) == 2


def test_the_published_ones_are_known():
    assert {trained_objective(model) for model in PUBLISHED.values()} == set(PUBLISHED)


def test_nothing_is_known_of_others(tmp_path, checkpoint):
    assert trained_objective(checkpoint(tmp_path / "some", 1)) is None
    with pytest.raises(CheckpointError, match="not a folder that exists"):
        trained_objective("./nowhere")


def test_one_attribute_of_the_dpa_model(tmp_path, checkpoint):
    folder = checkpoint(tmp_path / "dpa", 10, 256)
    scores = reward_model(f"{folder}#helpsteer-verbosity", device="cpu")(PAIRS)
    assert len(scores) == 2
    with pytest.raises(SettingError, match="Did you mean 'helpsteer-verbosity'"):
        reward_model(f"{folder}#helpsteer-verbos")


def test_the_room_is_entered_without_torch():
    code = "import sys, langchain_metaaligner.rewards; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_the_path_of_0_1_0_goes_on_working():
    from langchain_metaaligner.models.rewards import DPARewardModel

    assert DPARewardModel.__module__ == "langchain_metaaligner.rewards.dpa"
