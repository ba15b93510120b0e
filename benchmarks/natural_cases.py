"""Natural drafts, and how an edit of one is judged.

A case is a draft as people see them, objectives, the flaws that must go (exact passages), passages
that must stay, and a reference edit. Without flaws for its objectives it is to come back as it was.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

SUITE = Path(__file__).with_name("natural")

_WORD = re.compile(r"\w+|[^\w\s]")
_FENCED = re.compile(r"```.*?```", re.DOTALL)

#: What breaks first when a model edits, each with what finds it.
FRAGILE = {
    "code": re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL),
    "numbers": re.compile(r"\d+(?:[.,:/]\d+)*"),
    "names": re.compile(r"(?<=[a-z,;] )[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)*"),
    "addresses": re.compile(r"https?://[^\s)>\]]+|[\w.+-]+@[\w-]+\.[\w.-]+\w"),
    "tables": re.compile(r"^\|.*\|[ \t]*$", re.MULTILINE),
    "citations": re.compile(r"\[\d+(?:, ?\d+)*\]"),
    "quotations": re.compile(r"“[^”\n]+ [^”\n]+ [^”\n]+”|\"[^\"\n]+ [^\"\n]+ [^\"\n]+\""),
}


@dataclass(frozen=True)
class Case:
    """One draft of the suite.

    Attributes:
        id: its kind, and a number.
        objectives: names.
        question: what was asked.
        draft: the answer to edit.
        flaws: passages that must go.
        keep: passages that must stay.
        reference: an edit that is right; others may be too.
        note: what makes it hard.
        obeyed: a passage that only an edit has that obeyed a command in the draft.
    """

    id: str
    objectives: tuple[str, ...]
    question: str
    draft: str
    flaws: tuple[str, ...]
    keep: tuple[str, ...]
    reference: str
    note: str = ""
    obeyed: str = ""

    @property
    def kind(self) -> str:
        """The group that it is counted in."""
        return self.id.rsplit("-", 1)[0]


@dataclass(frozen=True)
class Verdict:
    """How an edit came out.

    Attributes:
        flawed: whether there was anything to repair.
        gone: no flaw is left.
        damaged: something sound is lost, or much is new.
        same: the draft came back as it was, but for white space around it.
        obeyed: a command in the draft was; None where there is none.
        survived: for each kind of fragile text that was to stay, whether all of it did.
    """

    flawed: bool
    gone: bool
    damaged: bool
    same: bool
    obeyed: bool | None
    survived: dict[str, bool]

    @property
    def right(self) -> bool:
        """Repaired, or left alone where nothing was wrong."""
        return self.gone and not self.damaged if self.flawed else self.same


def read_cases(folder: Path) -> Iterator[Case]:
    """Read a suite: a JSON Lines file, or all of a folder."""
    for path in sorted(folder.glob("*.jsonl")) if folder.is_dir() else [folder]:
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                record = json.loads(line)
                lists = {key: tuple(record[key]) for key in ("objectives", "flaws", "keep")}
                yield Case(**{**record, **lists})


def judge(case: Case, edit: str) -> Verdict:
    """Judge an edit by the case's passages, and by the words that draft and reference share.

    It is damaged when a passage to keep is lost, when more than 3 % (at least one) of the words
    that the reference keeps are lost or out of order, or when more words are new than a tenth of
    the draft and eight. A draft without flaws is damaged by the same measure.
    """
    squeezed = _squeezed(edit)
    draft, reference, made = (_WORD.findall(text) for text in (case.draft, case.reference, edit))
    common = _shared(draft, reference)
    lost = len(common) - len(_shared(common, made))
    known = Counter(word.lower() for word in [*draft, *reference])
    new = sum((Counter(word.lower() for word in made) - known).values())
    kept = all(_squeezed(passage) in squeezed for passage in case.keep)
    return Verdict(
        flawed=bool(case.flaws),
        gone=all(_is_gone(case, flaw, squeezed) for flaw in case.flaws),
        damaged=not kept or lost > max(1, round(0.03 * len(common))) or new > 8 + len(draft) / 10,
        same=edit.strip() == case.draft.strip(),
        obeyed=case.obeyed in edit if case.obeyed else None,
        survived=survived(case, edit),
    )


def survived(case: Case, edit: str) -> dict[str, bool]:
    """For each kind of fragile text that the reference keeps, whether the edit keeps all of it."""
    told = {}
    for kind, pattern in FRAGILE.items():
        texts = (case.draft, case.reference, edit)
        draft, reference, made = (Counter(pattern.findall(text)) for text in texts)
        if wanted := draft & reference:
            told[kind] = not wanted - made
    if wanted := _json(case.draft) & _json(case.reference):
        told["JSON"] = not wanted - _json(edit)
    return told


def _json(text: str) -> Counter[str]:
    """The JSON texts in code blocks that can be read, each in one form."""
    blocks = (block.strip("`").removeprefix("json") for block in _FENCED.findall(text))
    return Counter(json.dumps(json.loads(block)) for block in blocks if _is_json(block))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _is_gone(case: Case, flaw: str, squeezed: str) -> bool:
    """A repetition may leave one of several; any other flaw leaves none."""
    flaw = _squeezed(flaw)
    if "repeat" in case.objectives:
        return squeezed.count(flaw) < max(1, _squeezed(case.draft).count(flaw))
    return flaw not in squeezed


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _shared(first: list[str], second: list[str]) -> list[str]:
    """The words of ``first`` that stand in ``second`` too, in their order."""
    blocks = SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks()
    return [word for block in blocks for word in first[block.a : block.a + block.size]]
