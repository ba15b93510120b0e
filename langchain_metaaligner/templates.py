"""The three edit templates of the research, byte for byte.

Sources: ``inference/aligner_inference.py``, the data set builders and the model cards. The equal
form of IMHI stands in no script; it is derived from the better form, whose wording the trained
checkpoints saw.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage

from langchain_metaaligner.errors import TemplateError, nearest
from langchain_metaaligner.objectives import LABELS, Objective, known_objective, parse_objectives

Mode = Literal["better", "equal"]

HUMAN_MARK = "\n\nHuman:"
ASSISTANT_MARK = "\n\nAssistant:"


@dataclass(frozen=True)
class EditTemplate:
    """How one data set asks for an edit.

    The three of the research are ``EditTemplate.named("HH-RLHF")``, ``"UltraFeedback"`` and
    ``"IMHI"``, in any case.

    Attributes:
        name: the data set.
        better: the prompt that asks for a better answer, with ``{aspects}``, ``{question}`` and
            ``{answer}``.
        equal: the prompt that asks for an equally good answer.
        the: how objective sentences begin in this data set, ``The`` or ``the``.
        objectives: names of the objectives that its checkpoints were trained on.
        dialogue: whether ``{question}`` is a whole dialogue, or its last human turn.
        output_prefix: text with which its checkpoints may begin an edit, and which is no part
            of it.

    >>> template = EditTemplate.named("ultrafeedback")
    >>> prompt = template.format("Why is the sky blue?", "It just is.", ["honest"])
    >>> prompt.partition(" | ")[2]
    'Query: Why is the sky blue? | Answer: It just is. | Edit: '
    """

    name: str
    better: str
    equal: str
    the: Literal["The", "the"]
    objectives: tuple[str, ...]
    dialogue: bool = False
    output_prefix: str = ""
    delimiters: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        marks = tuple(re.findall(r" \| \w+: ", self.better))
        object.__setattr__(self, "delimiters", marks)

    @staticmethod
    def named(name: str) -> EditTemplate:
        """The template of a data set.

        Raises:
            TemplateError: if there is no such template.
        """
        template = TEMPLATES.get(name.strip().casefold()) if isinstance(name, str) else None
        if template is None:
            names = [template.name for template in TEMPLATES.values()]
            raise TemplateError(
                f"Unknown template {name!r}.{nearest(str(name), names)} "
                f'Known templates: {", ".join(names)}; "auto" chooses by the checkpoint.'
            )
        return template

    def format(
        self,
        question: str,
        answer: str,
        objectives: Sequence[str | Objective],
        mode: Mode = "better",
    ) -> str:
        """The edit prompt, as the checkpoints of this data set were trained on it.

        Args:
            question: the question slot, ready made (see `question_text`).
            answer: the draft answer.
            objectives: names, ``"Name: description"`` strings or `Objective`; at least one.
            mode: ``"better"`` asks for an improvement, ``"equal"`` for an answer as good.

        Raises:
            ObjectiveError: if an objective is unknown, or none is given.
            TemplateError: if the mode is neither of the two.
        """
        if mode not in ("better", "equal"):
            raise TemplateError(f"Unknown mode {mode!r}. A template has 'better' and 'equal'.")
        aspects = self.aspects(parse_objectives(objectives))
        return self.filled(aspects, question, answer, mode)

    def aspects(self, objectives: Sequence[Objective]) -> str:
        """The texts of objectives, as they stand in the prompt."""
        return "; ".join(map(self.objective_text, objectives))

    def filled(self, aspects: str, question: str, answer: str, mode: Mode = "better") -> str:
        """The edit prompt with texts that are ready made."""
        form = self.better if mode == "better" else self.equal
        return form.format(aspects=aspects, question=question, answer=answer)

    def objective_text(self, objective: Objective) -> str:
        """An objective as it stands in the prompt.

        A known one has the label and the ``The`` or ``the`` of this template. The text of any
        other stays as it was written.

        >>> from langchain_metaaligner.objectives import parse_objective
        >>> EditTemplate.named("HH-RLHF").objective_text(parse_objective("fair"))[:24]
        'Fairness: The response s'
        """
        known = known_objective(objective.name)
        if known != objective:
            return objective.text
        description = re.sub(r"^[Tt]he\b", self.the, objective.description)
        return f"{LABELS[known.name]}: {description}"

    def question_text(self, question: str | Sequence[BaseMessage]) -> str:
        r"""What stands in the question slot: a dialogue, or its last human turn.

        A string that is a `dialogue_text` already is passed as it is. System and tool
        messages do not enter, nor anything after the last human turn. Blank if no human spoke, or
        if the last human turn has no text, such as a picture: an older one is no question for it.

        >>> EditTemplate.named("HH-RLHF").question_text("Hi")
        '\n\nHuman: Hi \n\nAssistant:'
        """
        if isinstance(question, str):
            if not self.dialogue or dialogue_text(question) or not question.strip():
                return question
            return _dialogue([("human", question)])
        turns = _turns(question)
        if not turns:
            return ""
        return _dialogue(turns) if self.dialogue else turns[-1][1]

    def shortened(self, question: str) -> Iterator[str]:
        r"""The question without its oldest turns: one less each time, the last one always kept.

        >>> two = "\n\nHuman: a\n\nAssistant: b\n\nHuman: c \n\nAssistant:"
        >>> list(EditTemplate.named("HH-RLHF").shortened(two))
        ['\n\nHuman: c \n\nAssistant:']
        """
        if self.dialogue:
            starts = [match.start() for match in re.finditer(re.escape(HUMAN_MARK), question)]
            yield from (question[start:] for start in starts[1:])

    def with_context(self, question: str, texts: Sequence[str]) -> str:
        """The question slot with retrieved texts set before the question that they answer."""
        if not texts:
            return question
        before, mark, asked = question.rpartition(f"{HUMAN_MARK} ") if self.dialogue else ("",) * 3
        return "\n\n".join([f"{before}{mark}{texts[0]}", *texts[1:], asked or question])

    def clean(self, output: str) -> str:
        """A model's output without the prefix that this data set's checkpoints may write."""
        return output.removeprefix(self.output_prefix)

    def leaks(self, output: str) -> bool:
        """Whether an output carries pieces of the template itself."""
        opening = self.better.partition("{aspects}")[0]
        pieces = (*(mark.strip() for mark in self.delimiters), opening.strip())
        return any(piece in output for piece in pieces)


def dialogue_text(text: str) -> bool:
    r"""Whether a text is a dialogue in the markup of HH-RLHF, or as the research's README has it.

    >>> dialogue_text("\n\nHuman: Hi \n\nAssistant:")
    True
    >>> dialogue_text("Human: Hi Assistant: Hello. Human: How are you? Assistant:")
    True
    >>> dialogue_text("Who is Human: the series?")
    False
    """
    return HUMAN_MARK in text or (text.lstrip().startswith("Human:") and "Assistant:" in text)


def role_of(message: BaseMessage) -> str:
    """Who speaks: "human", "ai", or the type of the message. Chunks speak as their messages do.

    >>> from langchain_core.messages import AIMessageChunk, ChatMessage
    >>> role_of(AIMessageChunk("Hi")), role_of(ChatMessage("Hi", role="user"))
    ('ai', 'human')
    """
    if isinstance(message, HumanMessage):
        return "human"
    if isinstance(message, AIMessage):
        return "ai"
    role = message.role.casefold() if isinstance(message, ChatMessage) else message.type
    return _ROLES.get(role, role)


_ROLES = {"user": "human", "assistant": "ai", "model": "ai", "bot": "ai"}


def _turns(messages: Sequence[BaseMessage]) -> list[tuple[str, str]]:
    """The turns with a text, up to the last human one; none where that has no text.

    Human messages in a row are one turn: a picture may stand beside its question.
    """
    turns = [(role_of(message), str(message.text)) for message in messages]
    turns = [turn for turn in turns if turn[0] in ("human", "ai")]
    while turns and turns[-1][0] != "human":
        turns.pop()
    while turns and turns[-1][0] == "human" and not turns[-1][1].strip():
        turns.pop()
    if not turns or turns[-1][0] != "human":
        return []
    return [turn for turn in turns if turn[1].strip()]


def _dialogue(turns: Sequence[tuple[str, str]]) -> str:
    marks = {"human": HUMAN_MARK, "ai": ASSISTANT_MARK}
    spoken = "".join(f"{marks[role]} {text}" for role, text in turns)
    return f"{spoken} {ASSISTANT_MARK}"


def _assistant_template(
    name: str,
    slot: str,
    article: Literal["The", "the"],
    objectives: tuple[str, ...],
    dialogue: bool,
) -> EditTemplate:
    def form(aim: str) -> str:
        return (
            f"You are an assistant to human. You will be provided with a {slot} and an answer. "
            f"Consider the {slot}, then edit the answer to {aim} considering these aspects: "
            f"{{aspects}} | {slot.capitalize()}: {{question}} | Answer: {{answer}} | Edit: "
        )

    return EditTemplate(
        name, form("improve it"), form("make it equal"), article, objectives, dialogue
    )


def _imhi_template() -> EditTemplate:
    def form(aim: str) -> str:
        return (
            f"Edit the following Question-Answer pair to make it {aim} considering these aspects "
            '"{aspects}" | Question: {question} | Answer: {answer} | Edit: '
        )

    trained = ("correct", "informative", "professional")
    return EditTemplate(
        "IMHI", form("better"), form("equal"), "the", trained, output_prefix="Answer: "
    )


HH_RLHF = _assistant_template(
    "HH-RLHF", "context", "The", ("harmless", "helpful", "humor"), dialogue=True
)
ULTRAFEEDBACK = _assistant_template(
    "UltraFeedback",
    "query",
    "the",
    ("instruction_following", "honest", "truthful", "helpful"),
    dialogue=False,
)
IMHI = _imhi_template()

TEMPLATES: Mapping[str, EditTemplate] = MappingProxyType(
    {template.name.casefold(): template for template in (HH_RLHF, ULTRAFEEDBACK, IMHI)}
)
"""The three templates by lower-cased name, in the order in which the research looks for them."""


def template_for(model: Any, trained: str | None = None) -> EditTemplate:
    """The template for ``template="auto"``.

    Args:
        model: the name of the model.
        trained: the template that the checkpoint's own metadata names, if it does.

    Returns:
        The template that the metadata names; else the one whose data set stands in the model's
        name (as ``inference/aligner_inference.py`` decides); else UltraFeedback.

    >>> template_for("MetaAligner/MetaAligner-HH-RLHF-7B").name
    'HH-RLHF'
    """
    if trained:
        return EditTemplate.named(trained)
    for template in TEMPLATES.values():
        if template.name in str(model):
            return template
    return ULTRAFEEDBACK
