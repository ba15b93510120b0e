"""What policy files of the tests name by ``!python``."""

from langchain_metaaligner.testing import FakeAlignerLLM


def _as_asked(prompt):
    """An edit that tells the objectives of its prompt."""
    labels = [label for label in ("Harm", "Help", "Fair", "Read") if label in prompt]
    return f"edited for {'+'.join(labels)}"


llm = FakeAlignerLLM(_as_asked)


def polite(draft, edit):
    """A check of one's own."""
    return "rude" if "fool" in edit else None


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
