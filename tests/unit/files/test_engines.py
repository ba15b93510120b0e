"""What tells two runs apart: whatever changes an answer, and nothing else."""

import shutil

import pytest
from langchain_core.language_models import FakeListLLM

from langchain_metaaligner import MetaAlignerRunnable, Objective
from langchain_metaaligner.files.engines import (
    LocalEngine,
    llm_settings,
    settings_of,
    weights_digest,
)
from langchain_metaaligner.files.servers import served
from langchain_metaaligner.models.spec import MINI_FOLDER
from langchain_metaaligner.testing import FakeAlignerLLM


def polite(draft, edit):
    return None


def strict(draft, edit):
    return None


BASE = {"objectives": ["harmless"], "model": "mini"}


@pytest.mark.parametrize(
    "change",
    [
        {"objectives": ["helpful"]},
        {"objectives": [Objective("harmless", "be kind")]},
        {"objectives": ["harmless", "helpful"]},
        {"template": "IMHI"},
        {"preserve": ["code"]},
        {"checks": [polite]},
        {"model_kwargs": {"max_new_tokens": 9}},
        {"caution": 3.0},
        {"llm": FakeListLLM(responses=["x"])},
    ],
)
def test_what_shapes_answers_is_part_of_it(change):
    assert settings_of(MetaAlignerRunnable(**{**BASE, **change})) != settings_of(
        MetaAlignerRunnable(**BASE)
    )


@pytest.mark.parametrize(
    "change",
    [
        {"model_kwargs": {"batch_size": 3}},
        {"model_kwargs": {"device": "cpu"}},
        {"on_failure": "raise"},
        {"streaming": "live"},
    ],
)
def test_what_does_not_is_not(change):
    assert settings_of(MetaAlignerRunnable(**{**BASE, **change})) == settings_of(
        MetaAlignerRunnable(**BASE)
    )


def test_checks_are_told_apart_by_name():
    one, other = (
        settings_of(MetaAlignerRunnable(**BASE, checks=[check])) for check in (polite, strict)
    )
    assert one != other


def test_settings_are_json():
    import json

    json.dumps(settings_of(MetaAlignerRunnable(**BASE, checks=[polite], preserve=["urls"])))


def test_other_weights_under_the_same_name_are_others(tmp_path):
    folder = tmp_path / "aligner"
    shutil.copytree(MINI_FOLDER, folder)
    before = weights_digest(folder)
    assert weights_digest(folder) == before
    file = folder / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert weights_digest(folder) != before


def test_a_served_model_is_known_by_its_server():
    one, other = (served("m", f"http://{host}/v1", timeout=3) for host in ("one", "other"))
    settings = llm_settings(one)
    assert settings != llm_settings(other)
    assert settings == llm_settings(served("m", "http://one/v1", timeout=9))
    assert settings["temperature"] == 0.0


def test_pairs_come_back_at_their_places():
    def edit(prompt):
        return "ONE" if "Answer: one" in prompt else "TWO"

    aligner = MetaAlignerRunnable(objectives=["harmless"], llm=FakeAlignerLLM(edit))
    records = dict(LocalEngine(aligner)([("q", "one"), ("q", "two"), ("q", "one")]))
    assert [records[at]["text"] for at in range(3)] == ["ONE", "TWO", "ONE"]
