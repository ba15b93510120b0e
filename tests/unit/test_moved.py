"""Import paths of 0.1.0 go on working."""

import importlib
import subprocess
import sys

import pytest

from langchain_metaaligner.moved import MOVED, ROOT


@pytest.mark.parametrize("old", sorted(MOVED))
def test_both_names_are_one_module(old):
    assert importlib.import_module(f"{ROOT}.{old}") is importlib.import_module(
        f"{ROOT}.{MOVED[old]}"
    )


def test_a_moved_module_keeps_its_own_name_and_spec():
    old = importlib.import_module(f"{ROOT}.guard")
    assert old.__name__ == old.__spec__.name == f"{ROOT}.edit.disarm"


def test_the_old_name_may_come_first():
    code = (
        f"from {ROOT}.gate import RewardGate as old\n"
        f"from {ROOT}.edit.gate import RewardGate as new\n"
        f"import {ROOT}.upstream as module\n"
        "assert old is new and module.__name__.endswith('edit.question')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_never_was_is_no_module():
    with pytest.raises(ModuleNotFoundError, match="never_was"):
        importlib.import_module(f"{ROOT}.never_was")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("testing", "FakeAlignerLLM"),
        ("evaluation.imhi", "rule_label"),
        ("evaluation.imhi", "golden_label"),
        ("evaluation.judge", "parse_verdict"),
        ("evaluation.judge", "messages"),
        ("models.rewards", "DPARewardModel"),
    ],
)
def test_what_documents_name(module, name):
    assert hasattr(importlib.import_module(f"{ROOT}.{module}"), name)
