"""Labels of the IMHI benchmark: which class an explanation names.

Ten test sets of mental health analysis. Research only: no label here is a diagnosis.
Source: the rule classifier of ``src/IMHI.py`` and the label maps of ``src/label_inference.py`` in
the MentaLLaMA repository. An explanation names its class before ``Reasoning:``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from langchain_metaaligner.errors import DataError, nearest

NOTICE = "For research only: no result here is a diagnosis or any other clinical judgement."

Rules = Sequence[tuple[str, int]]

_YES_NO: Rules = (("yes", 1), ("no", 0))
_BINARY = ("CLP", "DR", "dreaddit", "loneliness", "Irf", "MultiWD")

_SAD = ("school", "financial", "family", "social", "work", "health", "emotional", "decision")
_SWMH: Rules = (
    ("no mental", 0), ("suicide", 1), ("depression", 2), ("anxiety", 3), ("bipolar", 4),
)  # fmt: skip

OUTPUT_RULES: Mapping[str, Rules] = MappingProxyType(
    {
        **dict.fromkeys(_BINARY, _YES_NO),
        "swmh": _SWMH,
        "t-sid": (("depression", 2), ("suicide", 1), ("ptsd", 3), ("no mental", 0)),
        "SAD": (*((word, at) for at, word in enumerate(_SAD)), ("other", 8)),
        "CAMS": (
            ("none", 0), ("bias", 1), ("jobs", 2), ("medication", 3), ("relationship", 4),
            ("alienation", 5),
        ),
    }
)  # fmt: skip
"""Substrings that the research looks for in an output, the first that is found counting."""

GOLDEN_RULES: Mapping[str, Rules] = MappingProxyType(
    {
        **dict.fromkeys(_BINARY, _YES_NO),
        "swmh": _SWMH,
        "t-sid": (
            ("depression", 2), ("suicide or self-harm", 1), ("ptsd", 3),
            ("no mental disorders", 0),
        ),
        "SAD": (
            ("school", 0), ("financial problem", 1), ("family issues", 2),
            ("social relationships", 3), ("work", 4), ("health issues", 5),
            ("emotional turmoil", 6), ("everyday decision making", 7), ("other causes", 8),
        ),
        "CAMS": (
            ("none", 0), ("bias or abuse", 1), ("jobs and career", 2), ("medication", 3),
            ("relationship", 4), ("alienation", 5),
        ),
    }
)  # fmt: skip
"""Substrings that the research looks for in a golden answer."""

DEFAULTS: Mapping[str, int] = MappingProxyType({**dict.fromkeys(OUTPUT_RULES, 0), "SAD": 8})
"""The class of an output in which no rule finds one."""

_NEGATION = r"\bno\b|\bdoes(?: not|n't)\b|\bdo(?: not|n't)\b|\bis(?: not|n't)\b"
_MENDED: Mapping[str, Sequence[tuple[re.Pattern[str], int]]] = MappingProxyType(
    {
        dataset: tuple((re.compile(pattern), label) for pattern, label in patterns)
        for dataset, patterns in {
            **dict.fromkeys(_BINARY, ((r"\byes\b", 1), (_NEGATION, 0))),
            "swmh": (
                (r"\bno mental\b", 0), (r"\bsuicid", 1), (r"\bdepressi", 2), (r"\banxi", 3),
                (r"\bbipolar\b", 4),
            ),
            "t-sid": (
                (r"\bno mental\b|\bcontrol\b", 0), (r"\bsuicid|\bself-harm", 1),
                (r"\bdepressi", 2), (r"\bptsd\b|\bpost-traumatic\b", 3),
            ),
            "SAD": (
                (r"\bschool", 0), (r"\bfinanc", 1), (r"\bfamily\b", 2), (r"\bsocial\b", 3),
                (r"\bwork\b", 4), (r"\bhealth\b", 5), (r"\bemotion", 6), (r"\bdecision", 7),
                (r"\bother\b", 8),
            ),
            "CAMS": (
                (r"\bnone\b|\bno causes?\b", 0), (r"\bbias\b|\babuse\b", 1),
                (r"\bjobs?\b|\bcareer\b", 2), (r"\bmedication\b", 3), (r"\brelationships?\b", 4),
                (r"\balienation\b", 5),
            ),
        }.items()
    }
)  # fmt: skip

LABELS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        **dict.fromkeys(_BINARY, ("no", "yes")),
        "CAMS": ("none", "bias", "job", "medication", "relation", "alienation"),
        "SAD": (
            "school", "financial", "family", "social", "work", "health", "emotional", "everyday",
            "other",
        ),
        "swmh": ("depression", "suicide", "anxiety", "bipolar", "no mental"),
        "t-sid": ("depression", "suicide", "ptsd", "control"),
    }
)  # fmt: skip
"""What the outputs of the MentalBERT label classifiers stand for, by their index."""

_LABEL_RULES: Mapping[str, Rules] = MappingProxyType(
    {
        **OUTPUT_RULES,
        "t-sid": (("depression", 2), ("suicide", 1), ("ptsd", 3), ("control", 0)),
        "SAD": (*((word, at) for at, word in enumerate(_SAD[:-1])), ("everyday", 7), ("other", 8)),
        "CAMS": (
            ("none", 0), ("bias", 1), ("job", 2), ("medication", 3), ("relation", 4),
            ("alienation", 5),
        ),
    }
)  # fmt: skip
_LABEL_GOLDEN: Mapping[str, Rules] = MappingProxyType(
    {
        **GOLDEN_RULES,
        "t-sid": (
            ("depression", 2), ("suicide or self-harm", 1), ("ptsd", 3), ("no mental", 0),
        ),
        "SAD": (
            ("school", 0), ("financial problem", 1), ("family issues", 2),
            ("social relationships", 3), ("work", 4), ("health issues", 5), ("emotion turmoil", 6),
            ("everyday decision making", 7), ("other", 8),
        ),
        "CAMS": (
            ("no causes", 0), ("bias or abuse", 1), ("jobs and career", 2), ("medication", 3),
            ("relationship", 4), ("alienation", 5),
        ),
    }
)  # fmt: skip


def rule_label(dataset: str, text: str | None, research_compat: bool = False) -> tuple[int, bool]:
    """The class that an output names, by rules, and whether it names none.

    By default words are matched as words, the first that occurs counts, an output that begins with
    ``Reasoning:`` (as MentaLLaMA-33B's) names its class after it, and an empty output is out of the
    domain. ``research_compat=True`` searches substrings in a fixed order: "no" is found in "not"
    and "another", "yes" in "eyes"; nothing is found in what begins with ``Reasoning:``.

    Args:
        dataset: name of the test set, such as "DR".
        text: the output.
        research_compat: as the research does.

    Returns:
        The index of the class, which is the data set's default where none is named, and True there.

    Raises:
        DataError: if there is no such data set.
        AttributeError: for an output that is no text, under ``research_compat``.

    >>> rule_label("DR", "No, the poster does not suffer. Reasoning: yes, well.")
    (0, False)
    >>> rule_label("DR", "My eyes hurt."), rule_label("DR", "My eyes hurt.", research_compat=True)
    ((0, True), (1, False))
    >>> rule_label("DR", "Reasoning: Yes, the poster suffers. Reasoning: no sleep.")
    (1, False)
    """
    default = DEFAULTS[_known(dataset)]
    if research_compat:
        label = _first_rule(OUTPUT_RULES[dataset], _head(text))  # type: ignore[arg-type]
        return (default, True) if label is None else (label, False)
    if not isinstance(text, str):
        return default, True
    head = _first_part(text)
    places = [
        (match.start(), label)
        for pattern, label in _MENDED[dataset]
        if (match := pattern.search(head))
    ]
    return (min(places)[1], False) if places else (default, True)


def golden_rule_label(dataset: str, text: str, research_compat: bool = False) -> int | None:
    """The class that a golden answer names, by the rules for golden answers.

    Args:
        dataset: name of the test set.
        text: the golden answer.
        research_compat: as the research does, which finds no class in "no causes of depression"
            (CAMS), "emotion turmoil" and "other stress causes" (SAD).

    Returns:
        The index of the class; None where none is named.

    Raises:
        DataError: if there is no such data set.

    >>> golden_rule_label("CAMS", "This post shows no causes of depression. Reasoning: ...")
    0
    """
    if research_compat:
        return _first_rule(GOLDEN_RULES[_known(dataset)], _head(text))
    label, unknown = rule_label(dataset, text)
    return None if unknown else label


def golden_label(dataset: str, text: str, research_compat: bool = False) -> int | None:
    """The class of a golden answer as the metrics of the label classifiers number it.

    Args:
        dataset: name of the test set.
        text: the golden answer.
        research_compat: as the research does, which finds no class in the wording of the
            completion sets: "none." (CAMS), "emotional turmoil." (SAD).

    Returns:
        The index of the class; None where none is named.

    Raises:
        DataError: if there is no such data set.

    >>> golden_label("SAD", "This post shows the stress cause related to emotion turmoil.")
    6
    >>> golden_label("SAD", "emotional turmoil."), golden_label("CAMS", "none.")
    (6, 0)
    """
    label = _first_rule(_LABEL_GOLDEN[_known(dataset)], _head(text))
    if label is None and not research_compat:
        return golden_rule_label(dataset, text)  # whose classes have the same numbers
    return label


def predicted_label(dataset: str, label: str) -> int:
    """The class of a label that a classifier gave, by the same numbers as `golden_label`.

    Raises:
        DataError: if there is no such data set, or the label is none of its labels.

    >>> predicted_label("t-sid", "control"), predicted_label("SAD", "everyday")
    (0, 7)
    """
    number = _first_rule(_LABEL_RULES[_known(dataset)], label.lower())
    if number is None:
        raise DataError(
            f"Wrong label in predictions for {dataset}: {label!r}. "
            f"Its labels are: {', '.join(LABELS[dataset])}."
        )
    return number


def class_name(dataset: str, number: int | None) -> str | None:
    """The word for a class, as the numbers of `rule_label` and `golden_label` mean it.

    Raises:
        DataError: if there is no such data set.

    >>> class_name("swmh", 0), class_name("CAMS", 2), class_name("DR", None)
    ('no mental', 'job', None)
    """
    return next((word for word, label in _LABEL_RULES[_known(dataset)] if label == number), None)


def dataset_of(name: str) -> str | None:
    """The data set that a file's name begins with, such as ``DR-aligned``; None for none.

    >>> dataset_of("DR"), dataset_of("t-sid_aligned"), dataset_of("DRAFTS")
    ('DR', 't-sid', None)
    """
    return next(
        (known for known in DEFAULTS if re.match(rf"{re.escape(known)}(?![^\W_])", name)), None
    )


def _known(dataset: str) -> str:
    if dataset not in DEFAULTS:
        raise DataError(
            f"The IMHI benchmark has no data set {dataset!r}.{nearest(dataset, DEFAULTS)} "
            f"It has: {', '.join(sorted(DEFAULTS))}."
        )
    return dataset


def _head(text: str) -> str:
    return text.split("Reasoning:")[0].lower()


def _first_part(text: str) -> str:
    parts = (part.lower() for part in text.split("Reasoning:"))
    return next((part for part in parts if re.search(r"\w", part)), "")


def _first_rule(rules: Rules, head: str) -> int | None:
    return next((label for word, label in rules if word in head), None)
