"""The door of the package: few names, and a light step."""

import subprocess
import sys

import langchain_metaaligner

NAMES = [
    "AlignerLLM",
    "Alignment",
    "EditTemplate",
    "MetaAlignerError",
    "MetaAlignerMiddleware",
    "MetaAlignerRunnable",
    "Objective",
]


def test_public_names():
    assert langchain_metaaligner.__all__ == NAMES
    assert dir(langchain_metaaligner) == NAMES
    for name in NAMES:
        assert getattr(langchain_metaaligner, name).__name__ == name
    assert not hasattr(langchain_metaaligner, "Nothing")


def test_importing_is_light():
    code = "import langchain_metaaligner, sys; print({'torch', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_runnable_without_a_checkpoint_is_light():
    code = """
import sys
from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.testing import FakeAlignerLLM
aligner = MetaAlignerRunnable(objectives=["fair"], llm=FakeAlignerLLM(lambda prompt: "x"))
assert aligner.align("q", "a").text == "x"
print({"torch", "transformers"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_missing_extra_names_the_install():
    code = """
import sys
sys.modules["langchain.agents.middleware"] = None
try:
    from langchain_metaaligner import MetaAlignerMiddleware
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'langchain-metaaligner[agents]'" in done.stdout
