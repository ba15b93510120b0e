"""Pairs for an aligner of real text: marked drafts, and flaws woven into sound answers.

One marked draft makes many pairs: with some of its flaws repaired beforehand, as a whole or as a
few of its sentences, with objectives that do and do not ask for what is wrong. What nobody asked
for stays, and about a third of all drafts come back as they are.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from langchain_metaaligner.data.marked import MarkedDraft, Piece, Rendered, Span
from langchain_metaaligner.data.synthetic.degrade import Degrader, choose_families
from langchain_metaaligner.data.synthetic.families import ENDINGS
from langchain_metaaligner.data.synthetic.pairs import shorten
from langchain_metaaligner.data.synthetic.sentences import Corpus, sentences
from langchain_metaaligner.data.synthetic.texts import Text
from langchain_metaaligner.errors import DataError
from langchain_metaaligner.templates import EditTemplate

TEMPLATES = ("UltraFeedback",) * 7 + ("HH-RLHF",) * 2 + ("IMHI",)
"""Templates in the shares in which they are drawn: "auto" takes the first for bundled models."""

#: Objectives in the shares in which they are asked for where nothing needs them.
ASKED = (
    ("harmless",) * 5 + ("professional",) * 4 + ("length",) * 4 + ("helpful",) * 3
    + ("repeat",) * 3 + ("readable",) * 3 + ("honest",) * 2 + ("fair",) * 2
    + ("factual", "truthful", "specific", "humor", "correct", "instruction_following",
       "informative")
)  # fmt: skip

#: Objectives that real answers meet mostly: a real answer that others ask for may need an edit.
_MET = tuple(name for name in ASKED if name not in ("length", "helpful", "repeat", "readable"))

#: Flaws that stand alone anywhere, so that they can be woven into other answers.
_LOOSE = ("harmless", "harmless", "harmless", "professional", "length", "humor", "honest")
#: Objectives whose repairs mostly say what the draft does not.
INVENTIVE = frozenset(
    ("helpful", "truthful", "factual", "specific", "informative", "correct", "fair",
     "instruction_following")
)  # fmt: skip
_WHOLE = re.compile(r"\s*[A-Z\"'“(].*[.!?…)\"”]\s*", re.DOTALL)
_SENTENCE = re.compile(r".*?(?:[.!?:]['\"”)*]*(?=\s)|\n|$)", re.DOTALL)
_ENDS = ".!?:\n"


@dataclass(frozen=True)
class NaturalPair:
    """One example.

    Attributes:
        question: what was asked.
        objectives: names, in the order of the prompt.
        template: name of the edit template.
        rendered: the draft, the edit, and where they differ.
    """

    question: str
    objectives: tuple[str, ...]
    template: str
    rendered: Rendered

    @property
    def prompt(self) -> str:
        """The edit prompt, byte for byte as at inference."""
        form = EditTemplate.named(self.template)
        asked = form.question_text(self.question)
        return form.format(asked, self.rendered.draft, self.objectives)


@dataclass(frozen=True)
class Shares:
    """Which share of the pairs is of each kind; the rest are sound real answers.

    Attributes:
        grammar: real answers degraded by the phrases of `data.synthetic`. They show what an edit
            is with far fewer tokens than flaws that are all worded differently.
        marked: made from marked drafts.
        woven: flaws in other answers.
        whole: of the marked drafts, how many stand as a whole, the rest as a few sentences.
        invented: of the flaws whose repair cannot be told from the draft, how many are there.
    """

    grammar: float = 0.08
    marked: float = 0.70
    woven: float = 0.10
    whole: float = 0.4
    invented: float = 0.8


class NaturalPairs:
    """Draws pairs.

    Args:
        marked: the marked drafts.
        texts: real questions and answers, to weave flaws into and to leave alone; may be empty.
        rude: flaws to weave in besides (`read_paradetox`).
        seed: of all draws.
        shares: of the kinds.

    Attributes:
        shares: of the kinds; may be replaced between two draws.

    Raises:
        DataError: without marked drafts.
    """

    def __init__(
        self,
        marked: Sequence[MarkedDraft],
        texts: Sequence[Text] = (),
        rude: Sequence[Piece] = (),
        seed: int = 0,
        shares: Shares | None = None,
    ) -> None:
        if not marked:
            raise DataError("There are no marked drafts to make pairs from. Give at least one.")
        self._rng = random.Random(seed)
        self._marked, self._rude = list(marked), list(rude)
        self._texts = [text for text in texts if 15 <= len(text.answer.split()) <= 400]
        self._corpus = Corpus(self._texts)
        self._degrader = Degrader(self._rng, self._corpus.common)
        self.shares = shares or Shares()
        self._order: list[int] = []
        self._loose: dict[str, list[Piece]] = {}
        for piece in (piece for draft in marked for piece in draft.pieces):
            whole = len(piece.found.split()) >= 4 and _WHOLE.fullmatch(piece.found)
            if piece.objective in _LOOSE and not piece.repaired and whole:
                self._loose.setdefault(piece.objective, []).append(piece)

    def __iter__(self) -> Iterator[NaturalPair]:
        """Yield pairs for ever, the same ones for the same seed."""
        while True:
            yield self.draw()

    def draw(self) -> NaturalPair:
        """Draw one pair."""
        draw = self._rng.random() - self.shares.grammar
        if draw < 0 and len(self._corpus):
            return self._by_grammar()
        if draw < self.shares.marked or not len(self._corpus):
            draft, objectives = self._from_marked()
        elif draw < self.shares.marked + self.shares.woven:
            draft, objectives = self._woven()
        else:
            draft, objectives = self._sound()
        template = self._rng.choice(TEMPLATES)
        return NaturalPair(draft.question, objectives, template, draft.render(objectives))

    def objectives(self, flaws: Sequence[str], needed: float = 0.8) -> tuple[str, ...]:
        """Draw one to four objectives, each with the chance ``needed`` one that a flaw is of."""
        rng, left = self._rng, sorted(flaws)
        rng.shuffle(left)
        count = rng.choices((1, 2, 3, 4), (6, 2.5, 1, 0.5))[0]
        drawn = [
            left.pop() if left and rng.random() < needed else rng.choice(ASKED)
            for _ in range(count)
        ]
        return tuple(dict.fromkeys(drawn))

    def _by_grammar(self) -> NaturalPair:
        """A real answer with flaws of one or two families."""
        rng = self._rng
        question, window = self._corpus.window(rng, rng.choice((6, 12, 20, 30, 45)))
        objectives = self.objectives(())
        families = choose_families(rng, objectives)
        if len(families) > 2:
            families = rng.sample(families, 2)
        # What these write in the place of a flaw is always the same line.
        families = [name for name in families if name not in ENDINGS or name not in objectives]
        draft = self._degrader.degrade(window, families)
        weak, flaws = _joined(draft.pieces())
        strong, kept = _joined(draft.pieces(objectives))
        going = tuple(flaw for flaw in flaws if flaw.objective in objectives)
        staying = tuple(flaw for flaw in flaws if flaw.objective not in objectives)
        rendered = Rendered(weak, strong, going, staying, kept, ())
        template = rng.choice(TEMPLATES)
        return NaturalPair(self._short(question), objectives, template, rendered)

    def _from_marked(self) -> tuple[MarkedDraft, tuple[str, ...]]:
        rng = self._rng
        if not self._order:
            self._order = rng.sample(range(len(self._marked)), len(self._marked))
        draft = self._marked[self._order.pop()]
        share = 0.0 if rng.random() < 0.12 else rng.choice((0.4, 0.7, 1.0, 1.0))
        present = {
            i
            for i in draft.flaws
            if rng.random() < share
            and (not is_invented(draft.pieces[i]) or rng.random() < self.shares.invented)
        }
        if share and draft.flaws and not present:
            present = {rng.choice(draft.flaws)}
        repaired = draft.with_only(present)
        draft = repaired if repaired.text.strip() else draft
        objectives = self.objectives(sorted(draft.objectives))
        if rng.random() > self.shares.whole and "repeat" not in draft.objectives:
            draft = self._few_sentences(draft, objectives)
        return draft, objectives

    def _few_sentences(self, draft: MarkedDraft, objectives: Sequence[str]) -> MarkedDraft:
        """Some sentences around a flaw, mostly one that was asked for; code stays whole."""
        if any("```" in piece.found for piece in draft.pieces):
            return draft
        rng = self._rng
        parts = [part for piece in draft.pieces for part in _parts(piece)]
        flaws = [i for i, part in enumerate(parts) if part.objective]
        asked = [i for i in flaws if parts[i].objective in objectives]
        first = rng.choice(asked or flaws or range(len(parts)))
        last, words = first + 1, rng.choice((15, 25, 35, 50))
        while sum(len(part.found.split()) for part in parts[first:last]) < words:
            if first > 0 and (last == len(parts) or rng.random() < 0.5):
                first -= 1
            elif last < len(parts):
                last += 1
            else:
                break
        while first > 0 and parts[first - 1].found[-1:] not in _ENDS:
            first -= 1
        while last < len(parts) and parts[last - 1].found[-1:] not in _ENDS:
            last += 1
        return MarkedDraft(draft.question, _stripped(parts[first:last])) if last else draft

    def _woven(self) -> tuple[MarkedDraft, tuple[str, ...]]:
        """Sound sentences of a real answer with one or two flaws between them."""
        rng = self._rng
        question, window = self._corpus.window(rng, rng.choice((8, 16, 25, 40, 70)))
        sound = [(gap if i else "") + text for i, (text, gap) in enumerate(window)]
        pieces = [Piece(text, text) for text in sound]
        for _ in range(rng.choice((1, 1, 2))):
            flaw = self._any_flaw()
            if flaw is None:
                break
            at = rng.choice((0, len(pieces), rng.randint(0, len(pieces))))
            before, after = ("", " ") if at == 0 else (" ", "")
            repaired = f"{before}{flaw.repaired}{after}" if flaw.repaired else ""
            pieces.insert(at, Piece(f"{before}{flaw.found}{after}", repaired, flaw.objective))
        draft = MarkedDraft(self._short(question), tuple(pieces))
        return draft, self.objectives(sorted(draft.objectives))

    def _any_flaw(self) -> Piece | None:
        rng = self._rng
        if self._rude and (not self._loose or rng.random() < 0.4):
            return rng.choice(self._rude)
        kinds = [kind for kind in _LOOSE if kind in self._loose]
        if not kinds:
            return None
        flaw = rng.choice(self._loose[rng.choice(kinds)])
        return flaw._replace(found=flaw.found.strip())

    def _sound(self) -> tuple[MarkedDraft, tuple[str, ...]]:
        """A real answer that comes back as it is: sound sentences, or whatever a model wrote."""
        rng = self._rng
        if rng.random() < 0.5:
            question, window = self._corpus.window(rng, rng.choice((12, 25, 50, 100)))
            answer = "".join((gap if i else "") + text for i, (text, gap) in enumerate(window))
            pool: Sequence[str] = ASKED
        else:
            text, words = rng.choice(self._texts), rng.choice((15, 30, 60, 100))
            question, answer, pool = text.question, "", _MET
            for sentence, gap in sentences(text.answer.strip()):
                answer += sentence + gap
                if len(answer.split()) >= words:
                    break
            answer = answer.strip()
        objectives = dict.fromkeys(rng.choice(pool) for _ in range(rng.choice((1, 1, 1, 2, 2, 3))))
        return MarkedDraft(self._short(question), (Piece(answer, answer),)), tuple(objectives)

    def _short(self, question: str) -> str:
        return shorten(self._rng, question, EditTemplate.named("UltraFeedback")) or "?"


def is_invented(piece: Piece) -> bool:
    """Whether a repair says what stands neither in the draft nor in the language."""
    return piece.objective in INVENTIVE and bool(piece.repaired.strip())


def _joined(pieces: Iterator[tuple[str, str | None]]) -> tuple[str, tuple[Span, ...]]:
    """A text in pieces as a whole, and the places of the flaws."""
    text, spans = "", []
    for piece, family in pieces:
        if family is not None:
            spans.append(Span(len(text), len(text) + len(piece), family))
        text += piece
    return text, tuple(spans)


def _parts(piece: Piece) -> list[Piece]:
    """A piece in sentences, if nothing is wrong with it."""
    if piece.objective:
        return [piece]
    return [Piece(text, text) for text in _SENTENCE.findall(piece.found) if text]


def _stripped(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """The pieces without white space at either end."""
    first, *rest = (piece for piece in pieces if piece.found)
    stripped = [Piece(first.found.lstrip(), first.repaired.lstrip(), first.objective), *rest]
    last = stripped[-1]
    stripped[-1] = Piece(last.found.rstrip(), last.repaired.rstrip(), last.objective)
    return tuple(stripped)
