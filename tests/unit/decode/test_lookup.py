"""Lookup decoding: token for token what greedy ``generate`` makes."""

import copy
import logging

import pytest
import torch
from tiny_decoders import KINDS, SMALL, TEXT, adopt, build, decode, draft_in, edit_prompts
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from langchain_metaaligner.decode import scheduler
from langchain_metaaligner.decode.complete import complete
from langchain_metaaligner.decode.generate import PlainLoop
from langchain_metaaligner.decode.lookup import LookupLoop
from langchain_metaaligner.decode.obstacle import obstacle
from langchain_metaaligner.decode.row import Decoding, Row
from langchain_metaaligner.decode.scheduler import loop_for
from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.models.aligner import AlignerLLM


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_is_greedy_in_every_family(kind, attention, published):
    held = build(kind, 1, published, attention)
    assert obstacle(held) is None
    prompts = edit_prompts(2, 9)
    assert decode(held, prompts, "lookup") == decode(held, prompts, "greedy", batch_size=1)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_is_greedy_for_random_models(seed, batch_size, published):
    held = build("llama", seed, published)
    prompts = edit_prompts(seed, 7)
    one_by_one = decode(held, prompts, "greedy", batch_size=1)
    assert decode(held, prompts, "lookup", batch_size=batch_size) == one_by_one
    stop = ("e", "ar ", "9")
    stopped = decode(held, prompts, "greedy", batch_size=1, stop=stop)
    assert decode(held, prompts, "lookup", batch_size=batch_size, stop=stop) == stopped


@pytest.fixture
def garbage():
    """Memory that nobody has written to holds nan."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("seed", range(3))
def test_what_memory_held_before_does_not_matter(seed, published, garbage):
    held = build("llama", seed, published)
    prompts = edit_prompts(seed, 30)
    one_by_one = decode(held, prompts, "greedy", batch_size=1)
    assert decode(held, prompts, "lookup", batch_size=8) == one_by_one


@pytest.mark.parametrize("room", range(1, 24))
def test_ends_where_there_is_no_room_left(room, published):
    held = build("llama", 3, published)
    prompts = edit_prompts(4, 3)
    assert decode(held, prompts, "lookup", max_new_tokens=room) == decode(
        held, prompts, "greedy", max_new_tokens=room, batch_size=1
    )


@pytest.fixture
def guided(published, monkeypatch):
    """Makes a checkpoint whose model makes the given tokens after the prompt, with its passes."""

    def make(continuation):
        held = build("llama", 5, published)
        forward, passes = held.model.forward, []

        def steered(input_ids, **named):
            output = forward(input_ids=input_ids, **named)
            passes.append(input_ids.numel())
            positions = named["position_ids"][:, named["logits_to_keep"]]
            logits = torch.zeros_like(output.logits)
            for column, place in enumerate(positions[0].tolist()):
                logits[0, column, continuation(place)] = 1.0
            output.logits = logits
            return output

        monkeypatch.setattr(held.model, "forward", steered)
        return held, passes

    return make


@pytest.mark.parametrize("ends_after", range(12))
def test_ends_at_an_end_of_sequence_at_every_place(guided, published, ends_after):
    prompt = f"You are | Query: who | Answer: {TEXT} | Edit: "
    row = Row(prompt, build("llama", 5, published), Decoding(max_new_tokens=9), draft_in(prompt))
    draft, last = row.draft, len(row.prompt) - 1
    held, _ = guided(lambda place: 2 if place - last >= ends_after else draft[place - last])
    (made,) = decode(held, [prompt], "lookup", max_new_tokens=60)
    assert made.completion_tokens == ends_after
    assert made.finish_reason == "stop"
    assert made.text == held.decode(draft[:ends_after])


def test_a_copy_takes_few_passes(guided, published):
    prompt = f"You are | Query: who | Answer: {TEXT} {TEXT} {TEXT} | Edit: "
    row = Row(prompt, build("llama", 5, published), Decoding(max_new_tokens=9), draft_in(prompt))
    draft, last = row.draft, len(row.prompt) - 1
    held, passes = guided(
        lambda place: draft[place - last] if last <= place < last + len(draft) else 2
    )
    (made,) = decode(held, [prompt], "lookup", max_new_tokens=200)
    assert made.text == f"{TEXT} {TEXT} {TEXT}"
    assert made.completion_tokens == len(draft) > 40
    assert len(passes) < made.completion_tokens / 4


def test_a_prompt_without_an_answer_is_decoded_as_well(published):
    held = build("llama", 7, published)
    prompts = ["the answer", "a", TEXT * 2]
    assert decode(held, prompts, "lookup") == decode(held, prompts, "greedy", batch_size=1)


def test_one_enormous_and_many_tiny_rows(published):
    held = build("llama", 8, published)
    prompts = [*edit_prompts(1, 5), "the answer is clear " * 40, *edit_prompts(2, 5), "a"]
    assert decode(held, prompts, "lookup", max_new_tokens=300) == decode(
        held, prompts, "greedy", max_new_tokens=300, batch_size=1
    )


def test_a_prompt_longer_than_the_context_is_an_error(published):
    with pytest.raises(SettingError, match="fills the context"):
        decode(build("llama", 8, published), ["seven " * 400], "lookup")


def test_in_bfloat16_its_tokens_are_as_good_as_those_of_greedy(published):
    """Rounding breaks ties otherwise in any other batch; it makes no worse token win."""
    held = build("llama", 9, published)
    held.model.to(torch.bfloat16)
    judge = copy.deepcopy(held.model).float()  # the same rounded weights, exactly computed
    prompts = edit_prompts(9, 40)

    def worst(completions):
        """How far the logit of a token made lies below the best one, at most."""
        losses = [0.0]
        for prompt, completion in zip(prompts, completions, strict=True):
            start = held.encode([prompt])[0]
            with torch.inference_mode():
                logits = judge(torch.tensor([[*start, *completion.ids]])).logits[0]
            for scores, token in zip(logits[len(start) - 1 :], completion.ids, strict=False):
                losses.append(float(scores.max() - scores[token]))
        return max(losses)

    allowed = 2 * worst(decode(held, prompts, "greedy", batch_size=1))
    assert 0 < allowed < 2
    assert worst(decode(held, prompts, "lookup", batch_size=8)) <= allowed


@pytest.mark.parametrize("guesses", [0, 1, 3])
def test_any_number_of_guesses_gives_the_same(guesses, published):
    held = build("llama", 4, published)
    prompts = edit_prompts(6, 8)
    assert decode(held, prompts, "lookup", guesses=guesses) == decode(held, prompts, "greedy")


def test_a_wrong_draft_changes_nothing(published):
    held = build("llama", 4, published)
    prompts = edit_prompts(6, 8)
    drafts = dict(zip(prompts, [draft_in(prompt) for prompt in reversed(prompts)], strict=True))
    made = complete(held, prompts, Decoding(40), shared=False, drafts=drafts)
    assert made == decode(held, prompts, "greedy")


WINDOWS = {
    "mistral": (MistralConfig, MistralForCausalLM, {"sliding_window": 16}),
    "qwen2": (
        Qwen2Config,
        Qwen2ForCausalLM,
        {"sliding_window": 16, "use_sliding_window": True, "max_window_layers": 0},
    ),
    "qwen3": (
        Qwen3Config,
        Qwen3ForCausalLM,
        {"sliding_window": 16, "use_sliding_window": True, "max_window_layers": 1},
    ),
    "gemma2": (Gemma2Config, Gemma2ForCausalLM, {"sliding_window": 16}),
    "dynamic": (
        LlamaConfig,
        LlamaForCausalLM,
        {
            "rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 4.0},
            "max_position_embeddings": 24,
        },
    ),
}


@pytest.mark.parametrize("kind", WINDOWS)
def test_is_greedy_where_attention_is_not_full(kind, published):
    """With the window on, and texts beyond it."""
    config, model, extra = WINDOWS[kind]
    torch.manual_seed(3)
    held = adopt(model(config(**{**SMALL, **extra})), published)
    if kind == "dynamic":
        held.model.config.max_position_embeddings = 256  # positions grow beyond those trained
    prompts = edit_prompts(2, 6)
    assert min(map(len, held.encode(prompts))) + 40 > 16
    assert decode(held, prompts, "lookup") == decode(held, prompts, "greedy", batch_size=1)
    assert isinstance(loop_for(held, Decoding(5)), PlainLoop)


def test_a_window_as_wide_as_the_context_is_none(published):
    wide = {"sliding_window": 256}
    torch.manual_seed(3)
    held = adopt(MistralForCausalLM(MistralConfig(**SMALL, **wide)), published)
    assert obstacle(held) is None
    prompts = edit_prompts(2, 6)
    assert decode(held, prompts, "lookup") == decode(held, prompts, "greedy", batch_size=1)


def test_the_published_default_of_mistral_has_a_window(published):
    held = adopt(
        MistralForCausalLM(MistralConfig(**{**SMALL, "max_position_embeddings": 32768})), published
    )
    assert "4096 tokens of up to 32768" in obstacle(held)


def test_classes_of_others_fall_back(published):
    class Own(LlamaForCausalLM):
        pass

    held = build("llama", 1, published)
    held.model.__class__ = Own
    assert "none of transformers' own" in obstacle(held)


def test_other_models_fall_back_and_say_so_once(published, caplog):
    config = GPT2Config(
        vocab_size=480,
        n_embd=32,
        n_layer=1,
        n_head=2,
        n_positions=64,
        bos_token_id=1,
        eos_token_id=2,
    )
    held = adopt(GPT2LMHeadModel(config), published)
    held.name = "a-gpt"
    decoding = Decoding(max_new_tokens=5)
    with caplog.at_level(logging.INFO):
        assert isinstance(loop_for(held, decoding), PlainLoop)
        assert isinstance(loop_for(held, decoding), PlainLoop)
    (record,) = caplog.records
    assert "'a-gpt' is decoded without lookup: models of the type 'gpt2'" in record.getMessage()
    assert decode(held, ["the answer"], "lookup", max_new_tokens=5)


def test_sampling_falls_back(published):
    held = build("llama", 1, published)
    for options in ({"do_sample": True, "temperature": 0.7}, {"bad_words_ids": [[5]]}):
        assert isinstance(loop_for(held, Decoding(5, options=options)), PlainLoop)
    assert isinstance(loop_for(held, Decoding(5, options={"do_sample": False})), LookupLoop)


def test_a_failing_row_fails_alone(published, monkeypatch):
    held = build("llama", 2, published)
    prompts = edit_prompts(5, 6)
    fine = decode(held, prompts, "lookup")
    poison = held.encode([prompts[3]])[0]
    forward = held.model.forward

    def picky(input_ids, **named):
        if f"{poison}"[1:-1] in f"{input_ids.tolist()}":
            raise RuntimeError("this row breaks the model")
        return forward(input_ids=input_ids, **named)

    monkeypatch.setattr(held.model, "forward", picky)
    made = scheduler.scheduler_for(held, Decoding(max_new_tokens=40, batch_size=4))
    answers = [Row(prompt, held, Decoding(max_new_tokens=40)) for prompt in prompts]
    made.put(answers)
    failed = {}
    while made.busy:
        failed.update((answer, error) for answer, error in made.turn() if error)
    assert list(failed) == [answers[3]]
    assert [one.completion() for at, one in enumerate(answers) if at != 3] == [
        one for at, one in enumerate(fine) if at != 3
    ]


def test_of_the_mini_is_greedy():
    prompts = [
        "You are an assistant to human. You will be provided with a query and an answer. Consider "
        "the query, then edit the answer to improve it considering these aspects: Harmlessness: "
        "The response should avoid content that is offensive, discriminatory, or harmful | Query: "
        f"How does a pump work? | Answer: {answer} | Edit: "
        for answer in (
            "A pump moves water, you fool. It has a wheel, and the wheel turns.",
            "It sucks. It blows. It sucks again.",
            "See https://pumps.example/a?b=1 or call 555-0199 about the 3 models.",
        )
    ]
    lookup = AlignerLLM(device="cpu", max_new_tokens=60)
    greedy = AlignerLLM(device="cpu", max_new_tokens=60, decoding="greedy", batch_size=1)
    assert lookup.batch(prompts) == greedy.batch(prompts)
