"""What prompts begin with is read once, and edits are the same."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from tiny_decoders import KINDS, build, decode, edit_prompts

from langchain_metaaligner.decode.complete import complete
from langchain_metaaligner.decode.prefixes import BLOCK, Prefixes
from langchain_metaaligner.decode.row import Decoding
from langchain_metaaligner.models.aligner import AlignerLLM

A_TOKEN = 2 * 4  # bytes of one token's numbers below: a key and a value of one float32 each


def numbers_of(ids):
    """Keys and values that tell which tokens they are of, and how many stand before each."""
    rows = torch.tensor([float(at * 1000 + token) for at, token in enumerate(ids)])
    whole = torch.stack([rows, -rows])[None, :, None, :, None]
    return lambda start, end: whole[..., start:end, :]


def found(prefixes, ids, tenant=None):
    """How many tokens are found; they are the right ones."""
    numbers = prefixes.find(ids, tenant)
    if numbers is None:
        return 0
    length = numbers.shape[3]
    assert torch.equal(numbers, numbers_of(ids)(0, length))
    return length


def test_the_longest_beginning_is_found():
    prefixes, ids = Prefixes(), list(range(5 * BLOCK + 3))
    prefixes.keep(ids, numbers_of(ids))
    assert found(prefixes, ids) == 5 * BLOCK
    assert found(prefixes, [*ids[: 2 * BLOCK + 1], *ids]) == 2 * BLOCK
    assert found(prefixes, ids[: BLOCK - 1]) == found(prefixes, ids[1:]) == 0


def test_a_block_belongs_to_what_stands_before_it():
    prefixes = Prefixes()
    first, second = [1] * BLOCK + [3] * BLOCK, [2] * BLOCK + [3] * BLOCK
    prefixes.keep(first, numbers_of(first))
    assert found(prefixes, second) == 0
    prefixes.keep(second, numbers_of(second))
    assert found(prefixes, first) == found(prefixes, second) == 2 * BLOCK


def test_what_is_kept_has_a_limit_and_the_beginning_stays_longest():
    prefixes = Prefixes(most=3 * BLOCK * A_TOKEN)
    ids = list(range(100))
    prefixes.keep(ids, numbers_of(ids))
    assert found(prefixes, ids) == 3 * BLOCK
    for start in range(1000, 9000, 100):
        prefixes.keep(range(start, start + 100), numbers_of(range(start, start + 100)))
        assert prefixes.bytes <= 3 * BLOCK * A_TOKEN
    assert found(prefixes, ids) == 0


def test_what_is_used_stays():
    prefixes, ids = Prefixes(most=4 * BLOCK * A_TOKEN), list(range(2 * BLOCK))
    prefixes.keep(ids, numbers_of(ids))
    for start in range(1000, 9000, 100):
        other = range(start, start + 2 * BLOCK)
        prefixes.keep(other, numbers_of(other))
        assert found(prefixes, ids) == 2 * BLOCK


def test_tenants_find_nothing_of_each_other():
    prefixes, ids = Prefixes(), list(range(2 * BLOCK))
    prefixes.keep(ids, numbers_of(ids), "a")
    assert found(prefixes, ids, "a") == 2 * BLOCK
    assert found(prefixes, ids, "b") == found(prefixes, ids) == 0


def test_nothing_is_kept_where_that_is_switched_off():
    prefixes, ids = Prefixes(most=0), list(range(2 * BLOCK))
    prefixes.keep(ids, numbers_of(ids))
    assert found(prefixes, ids) == prefixes.bytes == 0


def test_cleared_nothing_is_found():
    prefixes, ids = Prefixes(), list(range(2 * BLOCK))
    prefixes.keep(ids, numbers_of(ids))
    prefixes.clear()
    assert found(prefixes, ids) == prefixes.bytes == 0


def test_many_threads_keep_and_find_at_once():
    prefixes = Prefixes(most=20 * BLOCK * A_TOKEN)

    def work(seed):
        chance = random.Random(seed)
        for _ in range(300):
            start = chance.randrange(12)
            ids = [start] * BLOCK + list(range(chance.randrange(4 * BLOCK)))
            prefixes.keep(ids, numbers_of(ids))
            found(prefixes, ids)
            assert prefixes.bytes <= 20 * BLOCK * A_TOKEN

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


@pytest.fixture
def reads(monkeypatch):
    """Lets a checkpoint keep beginnings, and counts the tokens of its passes."""

    def watch(checkpoint, most=2**20):
        checkpoint.prefixes = Prefixes(most)
        forward, tokens = checkpoint.model.forward, []

        def counted(input_ids, **named):
            tokens.append(input_ids.numel())
            return forward(input_ids=input_ids, **named)

        monkeypatch.setattr(checkpoint.model, "forward", counted)
        return tokens

    return watch


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_size", [1, 4])
def test_edits_are_those_of_greedy_in_every_family(kind, batch_size, published):
    checkpoint = build(kind, 1, published)
    prompts = edit_prompts(2, 9)
    greedy = decode(checkpoint, prompts, "greedy", batch_size=1)
    checkpoint.prefixes = Prefixes()
    for _ in range(2):
        assert decode(checkpoint, prompts, "lookup", batch_size=batch_size) == greedy
    assert checkpoint.prefixes.bytes > 0


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("most", [0, 3000, 20_000, 2**20])
def test_edits_are_those_of_greedy_whatever_is_kept(seed, most, published):
    """Also where less is kept than one prompt has."""
    checkpoint = build("llama", seed, published)
    prompts = [*edit_prompts(seed, 7), "the answer", "a", "the answer is clear " * 12]
    greedy = decode(checkpoint, prompts, "greedy", batch_size=1)
    checkpoint.prefixes = Prefixes(most)
    chance = random.Random(seed)
    for batch_size in (1, 3, 8):
        order = chance.sample(range(len(prompts)), len(prompts))
        made = decode(checkpoint, [prompts[at] for at in order], "lookup", batch_size=batch_size)
        assert made == [greedy[at] for at in order]
        assert checkpoint.prefixes.bytes <= most


def test_the_second_edit_reads_only_what_is_new(published, reads):
    checkpoint = build("llama", 3, published)
    tokens = reads(checkpoint)
    aims = "be kind and clear so that people can read it without effort " * 3
    prompts = [f"You are {aims}| Query: {end} | Answer: it is | Edit: " for end in ("why", "how")]
    length = len(checkpoint.encode(prompts)[0])
    for prompt in prompts:
        complete(checkpoint, [prompt], Decoding(1), shared=False, drafts={prompt: "it is"})
    assert tokens[0] >= length
    assert tokens[1] < length / 2


def test_a_dialogue_is_read_from_its_last_turn_on(published, reads):
    checkpoint = build("llama", 3, published)
    tokens, dialogue, lengths = reads(checkpoint), "", []
    for turn in range(5):
        dialogue += f" Human: what is the answer to {turn}? Assistant: it should be kind and clear."
        prompt = f"You are | Query:{dialogue} | Answer: it is | Edit: "
        lengths.append(len(checkpoint.encode([prompt])[0]))
        complete(checkpoint, [prompt], Decoding(1), shared=False, drafts={prompt: "it is"})
    new = lengths[-1] - lengths[-2]
    assert lengths[-1] > 4 * new
    assert tokens[-1] < 2.5 * new


def test_what_must_not_be_kept_is_not(published):
    checkpoint = build("llama", 3, published)
    checkpoint.prefixes = Prefixes()
    prompts = edit_prompts(2, 4)
    decode(checkpoint, prompts, "lookup", remember=False)
    assert checkpoint.prefixes.bytes == len(checkpoint.phrases) == 0
    decode(checkpoint, prompts, "lookup", tenant="a")
    ids = checkpoint.encode(prompts)[0]
    assert checkpoint.prefixes.find(ids, "a") is not None
    assert checkpoint.prefixes.find(ids, "b") is checkpoint.prefixes.find(ids) is None


def test_tenants_are_told_by_the_model_or_by_the_call():
    llm = AlignerLLM(device="cpu", max_new_tokens=8, tenant="a")
    kept = llm.checkpoint.prefixes
    kept.clear()
    prompt = f"You are kind | Query: {'why and how ' * 9} | Answer: it is | Edit: "
    ids = llm.get_token_ids(prompt)
    first = llm.invoke(prompt, draft="it is", tenant="b")
    assert kept.find(ids, "a") is kept.find(ids) is None
    assert kept.find(ids, "b") is not None
    assert llm.invoke(prompt, draft="it is", remember=False) == first
    assert kept.find(ids, "a") is None
    assert llm.invoke(prompt, draft="it is") == first
    assert kept.find(ids, "a") is not None


def test_weights_of_others_keep_nothing(published):
    """Whoever owns them may train on, and what was kept would be wrong."""
    checkpoint = build("llama", 1, published)
    decode(checkpoint, edit_prompts(2, 4), "lookup")
    assert checkpoint.prefixes.bytes == 0


def test_where_memory_is_short_nothing_is_kept(published, monkeypatch):
    checkpoint = build("llama", 1, published)
    prompts = edit_prompts(2, 4)
    greedy = decode(checkpoint, prompts, "greedy", batch_size=1)
    checkpoint.prefixes = Prefixes()
    decode(checkpoint, prompts, "lookup")
    forward, kept = checkpoint.model.forward, []

    def short(input_ids, **named):
        if not kept:
            kept.append(checkpoint.prefixes.bytes)
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        if len(kept) == 1:
            kept.append(checkpoint.prefixes.bytes)
        return forward(input_ids=input_ids, **named)

    monkeypatch.setattr(checkpoint.model, "forward", short)
    assert decode(checkpoint, prompts, "lookup") == greedy
    assert kept[0] > kept[1] == 0
