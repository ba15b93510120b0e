"""Training examples: token ids of prompts and completions, in batches of alike lengths."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Collection, Iterator, Sequence

import torch
from degrade import Corpus, Degrader, draw_families, is_clean
from prompts import ANSWER, EDIT, OTHERS, TEMPLATES, TIER, objective_text
from texts import Pair
from tokenizer import BOS, EOS
from tokenizers import Tokenizer

Ids = list[int]

#: The lengths that batches are padded to.
LENGTHS = (32, 48, 64, 80, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 1024)

#: Until how many tokens; share of random copies; their longest; word ranges of the drafts.
STAGES = (
    (300_000, 1.0, 60, ((6, 12),)),
    (1_000_000, 0.5, 90, ((6, 12),)),
    (3_000_000, 0.35, 120, ((6, 25),)),
    (7_000_000, 0.3, 160, ((6, 25), (20, 50))),
    (11_000_000, 0.27, 240, ((6, 25), (15, 60), (40, 100))),
    (26_000_000, 0.12, 240, ((5, 14), (8, 30), (8, 30), (15, 50), (20, 80))),
    (10**18, 0.2, 320, ((6, 25), (15, 60), (15, 60), (20, 80), (40, 130), (100, 220))),
)


def choose_objectives(rng: random.Random) -> list[str]:
    """Draw one to four of the five objectives, sometimes with others, sometimes only others."""
    draw = rng.random()
    chosen = [] if draw < 0.06 else rng.sample(TIER, rng.choice((1, 1, 2, 2, 3, 4)))
    if not chosen or draw > 0.85:
        chosen += rng.sample(OTHERS, rng.randint(1, 2))
    rng.shuffle(chosen)
    return chosen


_HUMAN, _ASSISTANT = "\n\nHuman:", "\n\nAssistant:"


def shorten(rng: random.Random, question: str, template: str) -> str:
    """Put a question into a template's form; mostly short, sometimes empty or long."""
    turns = question.removesuffix(_ASSISTANT).split(_HUMAN)
    keep = 1 if rng.random() < 0.8 else 2
    limit = rng.choice((0, 0, 80, 80, 120, 120, 160, 160, 240, 240, 400, 1200))
    last = [
        turn.strip()[:limit].rsplit(" ", 1)[0] if len(turn.strip()) > limit else turn.strip()
        for turn in turns[-keep:]
    ]
    if template == "HH-RLHF":
        return "".join(f"{_HUMAN} {turn}" for turn in last) + _ASSISTANT
    return last[-1]


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
    """Makes examples from question and answer pairs."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        tokenizer: Tokenizer,
        held_out: bool,
        rng: random.Random,
        common: Collection[str] | None = None,
    ) -> None:
        self.tokenizer, self.rng = tokenizer, rng
        pieces = {tokenizer.token_to_id(token) for token in self._constants()}
        self.plain = [i for i in range(EOS + 1, tokenizer.get_vocab_size()) if i not in pieces]
        self.corpus = Corpus(pairs)
        self.degrader = Degrader(rng, common or self.corpus.common, held_out)

    @staticmethod
    def _constants() -> set[str]:
        texts = {objective_text(name, case) for name in TIER + OTHERS for case in (True, False)}
        for template in TEMPLATES.values():
            texts |= {template.opening, template.question}
        return texts | {ANSWER, EDIT, " | Question: "}

    def encode(self, text: str) -> Ids:
        """Encode without the leading ``<s>``."""
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def random_copy(self, longest: int) -> tuple[Ids, Ids]:
        """Random tokens to be copied, in a real prompt; often from few tokens that recur."""
        rng = self.rng
        template = rng.choice(list(TEMPLATES.values()))
        pool = self.plain
        if rng.random() < 0.4:
            pool = rng.sample(pool, int(8 * 2 ** rng.uniform(0, 6)))
        span = rng.choices(pool, k=int(4 * (longest / 4) ** rng.random()))
        question = rng.choices(self.plain, k=rng.choice((0, 0, 3, 10)))
        head = self.encode(template.prompt(choose_objectives(rng), "", ""))
        # The last two tokens are the constant pieces around the answer.
        return [BOS, *head[:-2], *question, head[-2], *span, head[-1]], [*span, EOS]

    def edit(self, words: int) -> tuple[Ids, Ids]:
        """A draft of about ``words`` words, made from a real answer, and its edit."""
        rng = self.rng
        template = rng.choice(list(TEMPLATES.values()))
        question, items = self.corpus.window(rng, words)
        draw = rng.random()
        if draw < 0.35:
            share = rng.choice((0.05, 0.1, 0.3))
            for item in items:
                if draw < 0.13:
                    text = strange_words(rng, item.text, share)
                else:
                    text = other_words(rng, item.text, self.corpus.words)
                item.text = text if is_clean(text) else item.text
        objectives = choose_objectives(rng)
        draft = self.degrader.degrade(items, draw_families(rng, objectives))
        asked = shorten(rng, question, template.name)
        prompt = template.prompt(objectives, asked, draft.render())
        return [BOS, *self.encode(prompt)], [*self.encode(draft.render(objectives)), EOS]

    def example(self, tokens: int) -> tuple[Ids, Ids]:
        """Draw one example of the stage reached after ``tokens`` tokens."""
        _, share, longest, sizes = next(stage for stage in STAGES if tokens < stage[0])
        if self.rng.random() < share:
            return self.random_copy(longest)
        return self.edit(self.rng.randint(*self.rng.choice(sizes)))


def batches(
    maker: Maker, budget: int, tokens: Callable[[], int]
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield (ids, targets) for ever: rows of alike lengths, about ``budget`` tokens each.

    Only a few shapes occur: a new shape costs the matrix library's kernels some time to prepare.
    """
    bins: dict[int, list[tuple[Ids, Ids]]] = {length: [] for length in LENGTHS}
    while True:
        prompt, completion = maker.example(tokens())
        size = len(prompt) + len(completion)
        length = next((length for length in LENGTHS if length >= size), None)
        if length is None:
            continue
        bins[length].append((prompt, completion))
        if len(bins[length]) == budget // length:
            yield collate(bins[length], length)
            bins[length] = []


def collate(group: Sequence[tuple[Ids, Ids]], length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad on the right; targets are shifted by one and -100 outside the completion."""
    ids = torch.zeros(len(group), length, dtype=torch.long)
    targets = torch.full((len(group), length), -100)
    for row, (prompt, completion) in enumerate(group):
        end = len(prompt) + len(completion)
        ids[row, :end] = torch.tensor(prompt + completion)
        targets[row, len(prompt) - 1 : end - 1] = torch.tensor(completion)
    return ids, targets
