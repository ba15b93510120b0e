"""Training examples: token ids of prompts and completions, in batches of alike lengths."""

from __future__ import annotations

import random
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

import torch
from constants import EDIT, TEMPLATES, constant_pieces
from tokenizers import Tokenizer

from langchain_metaaligner.data.synthetic.degrade import (
    Degrader,
    choose_families,
    choose_objectives,
)
from langchain_metaaligner.data.synthetic.drafts import Draft
from langchain_metaaligner.data.synthetic.families import FAMILIES
from langchain_metaaligner.data.synthetic.pairs import shorten
from langchain_metaaligner.data.synthetic.sentences import Corpus, is_clean

Ids = list[int]
UNK, BOS, EOS = 0, 1, 2
IGNORED = -100

#: The lengths that batches are padded to.
LENGTHS = (32, 48, 64, 80, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 1024)

#: Until how many tokens; share of random copies; their longest; word ranges of the drafts.
STAGES = (
    (300_000, 1.0, 60, ((6, 12),)),
    (1_000_000, 0.5, 90, ((6, 12),)),
    (3_000_000, 0.35, 120, ((6, 25),)),
    (7_000_000, 0.3, 160, ((6, 25), (20, 50))),
    (11_000_000, 0.27, 240, ((6, 25), (15, 60), (40, 100))),
    (10**18, 0.22, 320, ((6, 25), (15, 60), (15, 60), (20, 80), (40, 130), (100, 220))),
)


class Example(NamedTuple):
    """A prompt and its completion, with hints.

    Attributes:
        tags: for each token of the prompt 0 in sound text of the draft, 1 and up for the flaw of a
            family, -100 outside the draft.
        going: 1 where the edit takes the token out, 0 where it stays, -100 outside the draft.
        sources: for each token of the completion its place in the prompt, -100 for new ones.
    """

    prompt: Ids
    completion: Ids
    tags: Ids
    going: Ids
    sources: Ids


def strange_words(rng: random.Random, text: str, share: float) -> str:
    """Replace some words by made-up words, names, numbers and addresses."""
    letters = "aabcdeeefghiijklmnooprstuuvwxyz"

    def word(low: int, high: int) -> str:
        return "".join(rng.choices(letters, k=rng.randint(low, high)))

    def strange(match: re.Match[str]) -> str:
        if rng.random() > share:
            return match.group()
        return rng.choice(
            (
                lambda: word(2, 9),
                lambda: word(3, 8).capitalize(),
                lambda: f"{word(3, 7).capitalize()} {word(4, 8).capitalize()}",
                lambda: str(rng.randint(0, 10 ** rng.randint(1, 7))),
                lambda: f"{rng.uniform(0, 1000):,.2f}",
                lambda: f"${rng.randint(1, 99_999):,}",
                lambda: f"https://{word(3, 8)}.{rng.choice(('com', 'org', 'net'))}/{word(2, 6)}",
                lambda: f"{word(3, 7)}@{word(3, 7)}.org",
                lambda: f"`{word(2, 6)}_{word(2, 6)}()`",
                lambda: rng.choice("😀🎉👍🌱☕🙂🚀éüñ日中привет°€×–"),
            )
        )()

    return re.sub(r"(?<= )[a-z]+(?=[ .,])", strange, text)


def other_words(rng: random.Random, text: str, words: Sequence[str]) -> str:
    """Replace some words by real ones drawn at random, or shuffle them: nothing to guess from."""
    share = rng.choice((0.0, 0.15, 0.3, 0.6, 1.0))
    pattern = r"(?<= )[a-z]+(?=[ .,])"
    found = re.findall(pattern, text)
    if share == 0.0:
        rng.shuffle(found)
        left = iter(found)
        return re.sub(pattern, lambda match: next(left), text)
    return re.sub(
        pattern, lambda match: rng.choice(words) if rng.random() < share else match.group(), text
    )


class Maker:
    """Makes examples from real answers."""

    def __init__(self, corpus: Corpus, tokenizer: Tokenizer, rng: random.Random) -> None:
        self.tokenizer, self.rng, self.corpus = tokenizer, rng, corpus
        pieces = {tokenizer.token_to_id(token) for token in constant_pieces()}
        self.plain = [i for i in range(EOS + 1, tokenizer.get_vocab_size()) if i not in pieces]
        self.degrader = Degrader(rng, corpus.common)

    def encode(self, text: str) -> Ids:
        """Encode without the leading ``<s>``."""
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def random_copy(self, longest: int) -> Example:
        """Random tokens to be copied, in a real prompt; often from few tokens that recur."""
        rng = self.rng
        template = rng.choice(TEMPLATES)
        pool = self.plain
        if rng.random() < 0.4:
            pool = rng.sample(pool, int(8 * 2 ** rng.uniform(0, 6)))
        span = rng.choices(pool, k=int(4 * (longest / 4) ** rng.random()))
        question = rng.choices(self.plain, k=rng.choice((0, 0, 3, 10)))
        head = self.encode(template.format("", "", choose_objectives(rng)))
        # The last two tokens are the constant pieces around the answer.
        prompt = [BOS, *head[:-2], *question, head[-2], *span, head[-1]]
        blank = [IGNORED] * len(prompt)
        start = len(prompt) - 1 - len(span)
        return Example(prompt, [*span, EOS], blank, blank, [*range(start, len(prompt))])

    def edit(self, words: int) -> Example:
        """A draft of about ``words`` words, made from a real answer, and its edit."""
        rng = self.rng
        template = rng.choice(TEMPLATES)
        question, window = self.corpus.window(rng, words)
        draw = rng.random()
        if draw < 0.35:
            window = [(self._strange(text, draw < 0.13), gap) for text, gap in window]
        objectives = choose_objectives(rng)
        draft = self.degrader.degrade(window, choose_families(rng, objectives))
        asked = shorten(rng, question, template)
        prompt = template.format(asked, draft.render(), objectives)
        encoded = self.tokenizer.encode(prompt)  # with <s>
        tags = _tags(draft, len(prompt) - len(EDIT), encoded.offsets)
        asked_tags = {1 + FAMILIES.index(name) for name in objectives}
        going = [tag if tag == IGNORED else int(tag in asked_tags) for tag in tags]
        completion = [*self.encode(draft.render(objectives)), EOS]
        return Example(
            encoded.ids, completion, tags, going, _sources(encoded.ids, going, completion)
        )

    def _strange(self, text: str, made_up: bool) -> str:
        if made_up:
            changed = strange_words(self.rng, text, self.rng.choice((0.05, 0.1, 0.3)))
        else:
            changed = other_words(self.rng, text, self.corpus.words)
        return changed if is_clean(changed) else text

    def example(self, tokens: int) -> Example:
        """Draw one example of the stage reached after ``tokens`` tokens."""
        _, share, longest, sizes = next(stage for stage in STAGES if tokens < stage[0])
        if self.rng.random() < share:
            return self.random_copy(longest)
        return self.edit(self.rng.randint(*self.rng.choice(sizes)))


def _tags(draft: Draft, end: int, offsets: Sequence[tuple[int, int]]) -> Ids:
    """Tag the tokens of a draft whose text ends at character ``end`` of the prompt."""
    bounds, kinds, length = [], [], 0
    for piece, family in draft.pieces():
        bounds.append(length)
        kinds.append(0 if family is None else 1 + FAMILIES.index(family))
        length += len(piece)
    start = end - length
    return [
        kinds[bisect_right(bounds, stop - 1 - start) - 1]
        if first >= start and stop <= end and stop > first
        else IGNORED
        for first, stop in offsets
    ]


def _sources(prompt: Ids, going: Ids, completion: Ids) -> Ids:
    """Find where each token of the completion is copied from; the end is the last token."""
    staying = [place for place, goes in enumerate(going) if goes == 0]
    staying.append(len(prompt) - 1)
    known = [prompt[place] for place in staying[:-1]] + [EOS]
    sources = [IGNORED] * len(completion)
    matcher = SequenceMatcher(None, known, completion, autojunk=False)
    for a, b, size in matcher.get_matching_blocks():
        sources[b : b + size] = staying[a : a + size]
    return sources


def batches(maker: Maker, budget: int, tokens: Callable[[], int]) -> Iterator[list[torch.Tensor]]:
    """Yield (ids, targets, tags, going, sources) for ever, about ``budget`` tokens each.

    The rows of a batch are of alike lengths, and only a few shapes occur: a new shape costs the
    matrix library's kernels some time to prepare.
    """
    bins: dict[int, list[Example]] = {length: [] for length in LENGTHS}
    while True:
        example = maker.example(tokens())
        size = len(example.prompt) + len(example.completion)
        length = next((length for length in LENGTHS if length >= size), None)
        if length is None:
            continue
        bins[length].append(example)
        if len(bins[length]) == budget // length:
            yield collate(bins[length], length)
            bins[length] = []


def collate(group: Sequence[Example], length: int) -> list[torch.Tensor]:
    """Pad on the right; targets and sources are shifted by one, -100 outside the completion."""
    ids = torch.zeros(len(group), length, dtype=torch.long)
    targets, tags, going, sources = (torch.full_like(ids, IGNORED) for _ in range(4))
    for row, example in enumerate(group):
        start = len(example.prompt)
        end = start + len(example.completion)
        ids[row, :end] = torch.tensor(example.prompt + example.completion)
        targets[row, start - 1 : end - 1] = torch.tensor(example.completion)
        sources[row, start - 1 : end - 1] = torch.tensor(example.sources)
        tags[row, :start] = torch.tensor(example.tags)
        going[row, :start] = torch.tensor(example.going)
    return [ids, targets, tags, going, sources]
