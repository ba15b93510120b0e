"""The constant pieces of edit prompts, each of which the tokenizer keeps as one token."""

from __future__ import annotations

from langchain_metaaligner.objectives import KNOWN
from langchain_metaaligner.templates import EditTemplate

TEMPLATES = [EditTemplate.named(name) for name in ("HH-RLHF", "UltraFeedback", "IMHI")]
ANSWER, EDIT = " | Answer: ", " | Edit: "


def constant_pieces() -> list[str]:
    """List every string that becomes one token, longest first."""
    pieces = {ANSWER, EDIT}
    for template in TEMPLATES:
        opening, _, rest = template.better.partition("{aspects}")
        pieces |= {opening, rest.partition("{question}")[0]}
        pieces |= {rest.partition("{question}")[0].removeprefix('"')}
        texts = {template.objective_text(objective) for objective in KNOWN.values()}
        pieces |= texts | {text.replace(": The ", ": the ") for text in texts}
        pieces |= {text.replace(": the ", ": The ") for text in texts}
    return sorted(pieces, key=len, reverse=True)
