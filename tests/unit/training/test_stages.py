"""Checkpoints to resume from, and results that are read again."""

import json

import pytest

from langchain_metaaligner.errors import RecipeError
from langchain_metaaligner.training.stages import last_checkpoint, read_json, run_stage

COMMON = ["trainer_state.json", "scheduler.pt", "rng_state.pth", "config.json"]
FORMS = {
    "one process": [*COMMON, "optimizer.pt", "model.safetensors"],
    "lora": [*COMMON, "optimizer.pt", "adapter_model.safetensors"],
    # accelerate.utils.fsdp_utils, by fsdp_state_dict_type
    "full": [*COMMON, "rng_state_1.pth", "optimizer.bin", "pytorch_model_fsdp.bin"],
    "full, and safetensors": [*COMMON, "optimizer.bin", "model.safetensors"],
    "sharded": [*COMMON, "optimizer_0/", "pytorch_model_fsdp_0/"],
    "local": [*COMMON, "optimizer_0_rank0.bin", "pytorch_model_fsdp_rank0.bin"],
    "pickled": [*COMMON, "optimizer.pt", "pytorch_model-00001-of-00002.bin"],
}


def checkpoint(folder, step, names):
    made = folder / f"checkpoint-{step}"
    for name in names:
        path = made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if name.endswith("/") else path.touch()
    return made


@pytest.mark.parametrize("names", FORMS.values(), ids=FORMS)
def test_a_checkpoint_of_every_kind_is_found(tmp_path, names):
    checkpoint(tmp_path, 9, names)
    newest = checkpoint(tmp_path, 10, names)
    assert last_checkpoint(tmp_path) == newest


@pytest.mark.parametrize("names", FORMS.values(), ids=FORMS)
def test_a_checkpoint_that_lacks_a_part_is_passed_over(tmp_path, names):
    whole = checkpoint(tmp_path, 49, names)
    for step, left_out in enumerate((*COMMON[:3], "optimizer", "model"), 50):
        rest = [name for name in names if left_out.split(".")[0] not in name]
        checkpoint(tmp_path, step, rest)
    assert last_checkpoint(tmp_path) == whole


def test_nothing_to_resume_from(tmp_path):
    assert last_checkpoint(tmp_path / "none") is None
    checkpoint(tmp_path, "tmp", FORMS["one process"])
    assert last_checkpoint(tmp_path) is None


def test_the_result_of_a_finished_stage_is_read_and_nothing_prepared(tmp_path):
    result = {
        "name": "equal", "examples": 3, "too_long": 1, "steps": 2, "loss": 1.5, "eval_loss": None,
        "seconds": 4.0, "processes": 2, "device": "cuda", "log": [{"loss": 1.5}],
    }  # fmt: skip
    (tmp_path / "result.json").write_text(json.dumps(result))

    def never(*_):
        raise AssertionError("a finished stage was prepared again")

    stage = run_stage("equal", None, "base", tmp_path, never, never)
    assert (stage.steps, stage.processes, stage.log) == (2, 2, [{"loss": 1.5}])


def test_a_file_that_is_no_json_is_named(tmp_path):
    path = tmp_path / "result.json"
    path.write_text('{"name": "equ')
    with pytest.raises(RecipeError, match=r"result\.json is no JSON .* Delete it"):
        read_json(path)
