import textwrap

import pytest


@pytest.fixture
def write(tmp_path):
    """Writes a policy file: ``write(text)`` gives its path."""

    def writing(text, name="policy.yaml"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return writing


FILE = """\
policies:
  public:
    objectives: [harmless, helpful]
    llm: !python unit.policy.stand_ins:llm
    checks:
      - CodeKept
      - LengthKept: {longer: 40}
      - !python unit.policy.stand_ins:polite
  staff:
    objectives: [readable]
    llm: !python unit.policy.stand_ins:llm
    request_objectives: none
default: public
request_objectives: [harmless, fair]
rules:
  - use: staff
    configurable: {tier: [staff, admin]}
  - use: staff
    context: {team: support}
  - use: staff
    tags: internal
  - use: staff
    language: de
"""


@pytest.fixture
def path(write):
    """A policy file with two policies and a rule of each kind."""
    return write(FILE)
