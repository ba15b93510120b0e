import textwrap

import pytest
from unit.policy.stand_ins import FILE


@pytest.fixture
def write(tmp_path):
    """Writes a policy file: ``write(text)`` gives its path."""

    def writing(text, name="policy.yaml"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return writing


@pytest.fixture
def path(write):
    """A policy file with two policies and a rule of each kind."""
    return write(FILE)
