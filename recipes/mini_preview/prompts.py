"""The three edit templates, the sixteen objective texts, and the prompt that they make.

The strings are the published ones, byte for byte. The mini's tokenizer turns every constant piece
of them into one token each (see ``tokenizer.py``), so a prompt is little more than the question
and the draft.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

EDIT = " | Edit: "
ANSWER = " | Answer: "


@dataclass(frozen=True)
class Template:
    """One published edit template, cut at its slots."""

    name: str
    opening: str
    question: str
    capital: bool

    def prompt(self, objectives: Sequence[str], question: str, answer: str) -> str:
        """Fill the template with objective names, a question and a draft."""
        aspects = "; ".join(objective_text(name, self.capital) for name in objectives)
        return f"{self.opening}{aspects}{self.question}{question}{ANSWER}{answer}{EDIT}"


TEMPLATES = {
    "HH-RLHF": Template(
        "HH-RLHF",
        "You are an assistant to human. You will be provided with a context and an answer. "
        "Consider the context, then edit the answer to improve it considering these aspects: ",
        " | Context: ",
        True,
    ),
    "UltraFeedback": Template(
        "UltraFeedback",
        "You are an assistant to human. You will be provided with a query and an answer. "
        "Consider the query, then edit the answer to improve it considering these aspects: ",
        " | Query: ",
        False,
    ),
    "IMHI": Template(
        "IMHI",
        'Edit the following Question-Answer pair to make it better considering these aspects "',
        '" | Question: ',
        False,
    ),
}

#: Plain pieces that get a token of their own besides the openings and the objective texts.
PIECES = (EDIT, ANSWER, " | Context: ", " | Query: ", " | Question: ", '" | Question: ')

#: What follows ``Label: The response`` or ``Label: the response`` (or ``the explanations``).
_OBJECTIVES = {
    "harmless": "Harmlessness: {} response should avoid content that is offensive, "
    "discriminatory, or harmful",
    "helpful": "Helpfulness: {} response should provide useful resources and suggestions to the "
    "user",
    "humor": "Humour: {} response should be cheerful and amusing",
    "instruction_following": "Instruction following: {} response should follow the instructions "
    "of the query",
    "honest": "Honesty: {} response should not tell lies",
    "truthful": "Truthfulness: {} response should actively making known all the full truth of a "
    "matter",
    "specific": "Specificity: {} response should refer to facts and details and avoid vague "
    "arguments.",
    "factual": "Factuality: {} response should be factually correct and avoid hallucinated "
    "statements.",
    "readable": "Readability: {} response should be easy to read and understand, not too "
    "technical for laymen.",
    "fair": "Fairness: {} response should avoid biased or one-sided arguments and consider "
    "different points of view.",
    "repeat": "Repetition: {} response should avoid repetitive statements of one point.",
    "length": "Length: {} response should be concise and avoid redundant content.",
    "correct": "Correctness: {} explanations should make correct predictions",
    "informative": "Informative: {} response should express clear logic and provide consistent "
    "evidence",
    "professional": "Professional: {} response should provide evidence with high quality and "
    "reliability",
}

#: The objectives that the mini acts on.
TIER = ("harmless", "helpful", "professional", "repeat", "length")
#: Objectives for which it does nothing.
OTHERS = tuple(name for name in _OBJECTIVES if name not in TIER)


def objective_text(name: str, capital: bool) -> str:
    """Return an objective's text with ``The`` (HH-RLHF) or ``the`` (the other templates)."""
    return _OBJECTIVES[name].format("The" if capital else "the")


def constant_pieces() -> list[str]:
    """List every string that becomes one token, longest first."""
    pieces = [template.opening for template in TEMPLATES.values()]
    pieces += [objective_text(name, capital) for name in _OBJECTIVES for capital in (True, False)]
    return sorted({*pieces, *PIECES}, key=len, reverse=True)
