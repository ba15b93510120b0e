"""A degraded answer: rendered as it stands, and with the flaws of chosen families taken back."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from langchain_metaaligner.data.synthetic.families import ENDINGS
from langchain_metaaligner.data.synthetic.grammar import split_words

#: A piece of text and the family whose flaw it is, if any.
Piece = tuple[str, str | None]

#: Words that begin sentences and lose their capital behind an opening; names, say, keep it.
STARTERS = frozenset(
    split_words(
        "The|This|These|Those|That|It|Its|There|They|Their|You|Your|We|Our|A|An|In|If|When"
        "|While|For|Some|Many|Most|All|Each|Every|One|Two|By|On|At|To|As|With|From|After"
        "|Before|During|Because|Since|Although|However|Also|Another|Other|Both|Such|Not|No"
        "|It's|They're|You're|There's|What|How|Why|Where|Who|Try|Make|Use|Keep|Take|Start"
        "|Consider|Avoid|Choose|Add|Check|Be|Do|Don't|Get|Give|Find|Look|Talk|Ask|Remember"
        "|Learn|Set|Using|Having|Being|Eating|Drinking|He|She|His|Her|And|But|So|Or|Then|Once"
        "|Only|Even|Just|Different|Several|People|Children|Regular|Good|Water|Food"
    )
)


@dataclass(frozen=True, order=True)
class Swap:
    """Characters ``start`` to ``end`` of a sentence, replaced in the draft by ``text``."""

    start: int
    end: int
    text: str
    family: str


@dataclass
class Sentence:
    """One sentence of a draft: its sound text and what was done to it.

    Attributes:
        text: the sound sentence, or the phrase of a sentence that does not belong.
        gap: the white space before it.
        family: set for a sentence that goes as a whole when this family is edited.
        opening: a family and its phrase before the sentence.
        swaps: replacements inside it, in any order.
        frozen: whether nothing more may be done to it.
    """

    text: str
    gap: str = " "
    family: str | None = None
    opening: tuple[str, str] | None = None
    swaps: list[Swap] = field(default_factory=list)
    frozen: bool = False

    @property
    def stop(self) -> int:
        """Where the final punctuation begins."""
        return len(self.text.rstrip(".!?"))

    @property
    def takes_opening(self) -> bool:
        """Whether an opening can stand before it; behind swap, a lost capital would be no flaw."""
        lower_case = self.text[:1].lower()
        lost = any(swap.start == 0 and swap.text == lower_case for swap in self.swaps)
        return self.opening is None and not lost

    def swap(self, start: int, end: int, text: str, family: str) -> bool:
        """Replace a part that nothing has touched; say whether that was so."""
        if any(start < swap.end and swap.start < end for swap in self.swaps):
            return False
        self.swaps.append(Swap(start, end, text, family))
        return True

    def pieces(self, undone: Collection[str] = ()) -> Iterator[Piece]:
        """The sentence in pieces, with the flaws of ``undone`` families taken back."""
        text = self.text
        if self.opening and self.opening[0] not in undone:
            family, phrase = self.opening
            yield phrase, family
            kept = any(swap.start == 0 and swap.family not in undone for swap in self.swaps)
            runs_on = not phrase.endswith(("! ", ". "))
            if runs_on and not kept and text.split(" ", 1)[0].rstrip(",") in STARTERS:
                text = text[0].lower() + text[1:]
        at = 0
        for swap in sorted(self.swaps):
            if swap.family not in undone:
                yield text[at : swap.start], None
                yield swap.text, swap.family
                at = swap.end
        yield text[at:], None


@dataclass
class Draft:
    """A draft that was made from a sound answer.

    Attributes:
        sentences: in order, those that do not belong included.
        families: the families that have degraded it.

    >>> rude = Sentence("You fool.", family="harmless")
    >>> draft = Draft([Sentence("It is blue."), rude], {"harmless"})
    >>> draft.render(), draft.render({"harmless"})
    ('It is blue. You fool.', 'It is blue.')
    """

    sentences: list[Sentence]
    families: set[str] = field(default_factory=set)

    def pieces(self, undone: Collection[str] = ()) -> Iterator[Piece]:
        """The draft in pieces, with the flaws of ``undone`` families taken back."""
        kept = [
            sentence
            for sentence in self.sentences
            if sentence.family is None or sentence.family not in undone
        ]
        for i, sentence in enumerate(kept):
            if i:
                yield sentence.gap, sentence.family
            if sentence.family:
                yield sentence.text, sentence.family
            else:
                yield from sentence.pieces(undone)

    def render(self, undone: Collection[str] = ()) -> str:
        """The draft itself, or the answer with the flaws of some families taken back."""
        text = "".join(piece for piece, _ in self.pieces(undone))
        for family, ending in ENDINGS.items():
            if family in undone and any(sentence.family == family for sentence in self.sentences):
                text += ("\n\n" if "\n" in text else " ") + ending
        return text

    def places(self) -> list[Sentence]:
        """The sentences that an opening or an aside can be added to."""
        return [
            sentence
            for sentence in self.sentences
            if not sentence.frozen and re.match(r"[A-Z].*[a-z]\w*[.!?]$", sentence.text, re.DOTALL)
        ]
