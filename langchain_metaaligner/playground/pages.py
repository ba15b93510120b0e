"""What the playground shows, as HTML: texts of users and models are always escaped."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from langchain_metaaligner.edit.record import Alignment
from langchain_metaaligner.objectives import Objective, known_objective
from langchain_metaaligner.playground.ballot import Ballot, Pair, Tally
from langchain_metaaligner.playground.chatting import Turn
from langchain_metaaligner.tables.write import write_json_lines

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)

_DECISIONS = {
    "edited": ("Edited", "The edit stands."),
    "unchanged": ("Unchanged", "The aligner found nothing to change."),
    "kept": ("Draft kept", "The edit was not accepted."),
}


def notice(text: str, *, alarming: bool = False) -> str:
    """A sentence to the user; an alarming one is read out at once by a screen reader."""
    return _TEMPLATES.get_template("notice.html.j2").render(text=text, alarming=alarming)


def writing(text: str) -> str:
    """An edit while it is written."""
    return _TEMPLATES.get_template("writing.html.j2").render(text=text)


def record_page(record: Alignment, code: str) -> str:
    """What became of one draft: decision and reason, the change, scores, time and tokens.

    Args:
        record: what happened.
        code: the same edit as Python, for the user to take along.
    """
    title, sentence = _DECISIONS[record.decision]
    return _TEMPLATES.get_template("record.html.j2").render(
        record=record,
        title=title,
        sentence=record.detail or sentence,
        pieces=list(record.changes()),
        facts=facts_of(record),
        scores=score_rows(record),
        code=code,
    )


def facts_of(record: Alignment) -> dict[str, str]:
    """Time, tokens and the rest, as far as they are known.

    >>> facts_of(Alignment("A", "B", "edited", seconds=0.25, completion_tokens=7))
    {'Time': '0.25 s', 'Tokens': '7 written'}
    """
    facts = {}
    if record.seconds is not None:
        facts["Time"] = f"{record.seconds:.2f} s"
    tokens = [
        f"{number:,} {what}"
        for number, what in ((record.prompt_tokens, "read"), (record.completion_tokens, "written"))
        if number is not None
    ]
    if tokens:
        facts["Tokens"] = ", ".join(tokens)
    named = {
        "Objectives": ", ".join(record.objectives),
        "Aligner": record.model,
        "Template": record.template,
    }
    return facts | {name: value for name, value in named.items() if value}


def score_rows(record: Alignment) -> list[dict[str, Any]]:
    """The gate's scores of draft and best edit, by objective; nothing without a gate."""
    scores = record.scores or {}
    drafts, edits = scores.get("draft") or {}, scores.get("edits") or [{}]
    rows = []
    for name, before in drafts.items():
        after = edits[0].get(name)
        change = None if before is None or after is None else after - before
        rows.append({"name": name, "draft": before, "edit": after, "change": change})
    return rows


def snippet(model: str, objectives: Sequence[Objective], template: str, preserve: Any = ()) -> str:
    """The aligner of an edit as Python code.

    >>> from langchain_metaaligner.objectives import parse_objectives
    >>> print(snippet("mini", parse_objectives(["fair"]), "auto").splitlines()[-1])
    chain = llm | MetaAlignerRunnable(objectives=['fair'], model='mini')
    """
    written = [
        repr(one.name)
        if one == known_objective(one.name)
        else f"Objective({one.name!r}, {one.description!r})"
        for one in objectives
    ]
    options = [f"objectives=[{', '.join(written)}]", f"model={model!r}"]
    options += [f"template={template!r}"] * (template != "auto")
    options += [f"preserve={list(preserve)!r}"] * bool(preserve)
    names = "MetaAlignerRunnable" + ", Objective" * any("Objective(" in one for one in written)
    return (
        f"from langchain_metaaligner import {names}\n\n"
        f"chain = llm | MetaAlignerRunnable({', '.join(options)})"
    )


def chat_page(turns: Sequence[Turn]) -> str:
    """A conversation, each turn with the raw and the corrected answer side by side."""
    shown = [
        {
            "turn": turn,
            "pieces": list(turn.record.changes()) if turn.record else [("same", turn.draft)],
            "title": _DECISIONS[turn.record.decision][0] if turn.record else None,
            "facts": facts_of(turn.record) if turn.record else {},
        }
        for turn in turns
    ]
    return _TEMPLATES.get_template("chat.html.j2").render(turns=shown)


def pair_page(pair: Pair, place: int, total: int) -> str:
    """A question with two answers, whose authors are not told."""
    left, right = pair.texts
    return _TEMPLATES.get_template("pair.html.j2").render(
        question=pair.answered.question, left=left, right=right, place=place, total=total
    )


def result_page(ballot: Ballot) -> str:
    """What the votes come to, for each two systems."""
    tallies = [
        {"tally": tally, "sentence": verdict(tally), "shares": _shares(tally)}
        for tally in ballot.tallies()
    ]
    page = _TEMPLATES.get_template("result.html.j2").render(
        tallies=tallies, votes=len(ballot.votes), pairs=len(ballot.pairs)
    )
    return page + votes_page(ballot)


def votes_page(ballot: Ballot) -> str:
    """The votes so far to download; nothing without any."""
    return (
        _TEMPLATES.get_template("votes.html.j2").render(votes=_votes(ballot))
        if ballot.votes
        else ""
    )


def _votes(ballot: Ballot) -> str:
    """The votes as a file that lies in its own address, so that none lies on the server."""
    lines = io.StringIO()
    write_json_lines(lines, ballot.rows())
    return f"data:application/jsonl;base64,{base64.b64encode(lines.getvalue().encode()).decode()}"


def verdict(tally: Tally) -> str:
    """The votes on two systems in a sentence.

    >>> verdict(Tally("a", "b", wins=9, equal=1, losses=0, same=4))
    'a is preferred to b: the interval of the net win leaves 0 out.'
    """
    if tally.net is None or not tally.wins + tally.equal + tally.losses:
        return "There are no votes yet."
    low, high = tally.net[1]
    if low > 0 or high < 0:
        better, worse = (tally.first, tally.second)[:: 1 if low > 0 else -1]
        return f"{better} is preferred to {worse}: the interval of the net win leaves 0 out."
    return "The votes do not tell which is better: the interval of the net win contains 0."


def _shares(tally: Tally) -> list[tuple[str, str, int, float]]:
    counts = [
        ("win", tally.first, tally.wins),
        ("tie", "equal", tally.equal + tally.same),
        ("loss", tally.second, tally.losses),
    ]
    total = sum(count for _, _, count in counts) or 1
    return [(kind, name, count, 100 * count / total) for kind, name, count in counts]
