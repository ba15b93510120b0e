"""Where an edit departs from its draft, and what those tokens weigh in the loss.

Nearly all tokens of an edit are copies of its draft, which a model learns within minutes. What it
has to learn is where to leave the draft, and that is decided at a few tokens of each example.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

WEIGHTS = "weights"
"""The column of the tokens' weights, 0 on the prompt."""


def departures(draft: Sequence[int], edit: Sequence[int]) -> list[int]:
    """The places of an edit at which a reader who copies the draft has to leave it.

    Args:
        draft: token ids of the draft, with the end of sequence.
        edit: token ids of the edit, with the end of sequence.

    Returns:
        Indices into ``edit``: the first token of what is written anew, and the first after a
        passage that was taken out.

    >>> departures([5, 6, 7, 8, 2], [5, 6, 9, 9, 2])
    [2]
    >>> departures([5, 6, 7, 8, 2], [5, 8, 2])
    [1]
    >>> departures([5, 6, 7, 6, 8, 2], [5, 6, 8, 2])  # copied as long as that is right
    [2]
    """
    places = []
    for kind, start, end, at, _ in SequenceMatcher(None, draft, edit, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        while kind == "delete" and end < len(draft) - 1 and draft[start] == edit[at]:
            start, end, at = start + 1, end + 1, at + 1
        places.append(min(at, len(edit) - 1))
    return sorted(set(places))


def departure_weights(draft: Sequence[int], edit: Sequence[int], weight: float) -> list[float]:
    """A weight for each token of an edit, 1 on average: departures have ``weight`` times others'.

    Args:
        draft: token ids of the draft, with the end of sequence.
        edit: token ids of the edit, with the end of sequence.
        weight: of a departing token beside any other.

    >>> departure_weights([5, 6, 7, 2], [5, 7, 2], 4.0)
    [0.5, 2.0, 0.5]
    """
    departing = departures(draft, edit)
    share = len(edit) / (len(edit) + (weight - 1) * len(departing))
    weights = [share] * len(edit)
    for at in departing:
        weights[at] *= weight
    return weights
