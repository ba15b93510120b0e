"""The door of the package: its names, and a light step."""

import subprocess
import sys

import pytest

import langchain_metaaligner.data


def test_every_name_is_there():
    for name in langchain_metaaligner.data.__all__:
        assert getattr(langchain_metaaligner.data, name).__name__ == name or name == "RewardModel"
    assert dir(langchain_metaaligner.data) == sorted(langchain_metaaligner.data.__all__)
    assert not hasattr(langchain_metaaligner.data, "Nothing")


def test_importing_it_is_light():
    code = (
        "import langchain_metaaligner.data, sys; print({'datasets', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("package", ["datasets", "pandas"])
def test_without_the_extra_the_error_names_the_install(package):
    code = f"""
import sys
sys.modules[{package!r}] = None
try:
    import langchain_metaaligner.data
except ImportError as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("MissingExtraError Building data sets needs packages")
    assert "pip install 'langchain-metaaligner[train]'" in done.stdout
