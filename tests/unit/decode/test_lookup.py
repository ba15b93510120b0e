"""Lookup decoding: token for token what greedy ``generate`` makes."""

import logging
import random

import pytest
import torch
from transformers import (
    AutoTokenizer,
    GemmaConfig,
    GemmaForCausalLM,
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
from langchain_metaaligner.decode.answer import Answer, Decoding
from langchain_metaaligner.decode.generate import PlainLoop
from langchain_metaaligner.decode.lookup import LookupLoop, draft_ids, obstacle
from langchain_metaaligner.decode.scheduler import loop_for
from langchain_metaaligner.decode.sharing import complete
from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.models import checkpoint
from langchain_metaaligner.models.aligner import AlignerLLM

SMALL = {
    "vocab_size": 480,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "initializer_range": 0.3,
    "head_dim": 8,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
PLAIN = {"sliding_window": None}
KINDS = {
    "llama": (LlamaConfig, LlamaForCausalLM, {}),
    "mistral": (MistralConfig, MistralForCausalLM, PLAIN),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM, {}),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM, {}),
    "gemma": (GemmaConfig, GemmaForCausalLM, {}),
}
TEXT = "the answer should be kind and clear so that people can read it without effort"


def adopt(model, published):
    tokenizer = AutoTokenizer.from_pretrained(published)
    return checkpoint.adopt(model.eval(), tokenizer)[1]


def build(kind, seed, published, attention="sdpa"):
    config, model, extra = KINDS[kind]
    torch.manual_seed(seed)
    made = model(config(**SMALL, **extra, attn_implementation=attention))
    with torch.no_grad():
        made.get_output_embeddings().weight[2] *= 1.5  # some answers end by themselves
    return adopt(made, published)


def edit_prompts(seed, number):
    chance, words = random.Random(seed), TEXT.split()

    def text(most):
        return " ".join(chance.choices(words, k=chance.randint(1, most)))

    return [f"You are | Query: {text(30)} | Answer: {text(40)} | Edit: " for _ in range(number)]


def decode(held, prompts, method, **options):
    decoding = Decoding(method=method, **{"max_new_tokens": 40, "batch_size": 4, **options})
    return complete(held, prompts, decoding, shared=False)


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
    answer = Answer(prompt, build("llama", 5, published), Decoding(max_new_tokens=9))
    draft, last = draft_ids(answer), len(answer.prompt) - 1
    held, _ = guided(lambda place: 2 if place - last >= ends_after else draft[place - last])
    (made,) = decode(held, [prompt], "lookup", max_new_tokens=60)
    assert made.completion_tokens == ends_after
    assert made.finish_reason == "stop"
    assert made.text == held.decode(draft[:ends_after])


def test_a_copy_takes_few_passes(guided, published):
    prompt = f"You are | Query: who | Answer: {TEXT} {TEXT} {TEXT} | Edit: "
    answer = Answer(prompt, build("llama", 5, published), Decoding(max_new_tokens=9))
    draft, last = draft_ids(answer), len(answer.prompt) - 1
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


def test_bf16_agrees_as_often_as_greedy_does_with_itself(published):
    """Rounding breaks ties otherwise in any other batch: also between two ways to be greedy."""
    held = build("llama", 9, published)
    held.model.to(torch.bfloat16)
    prompts = edit_prompts(9, 40)
    alone = decode(held, prompts, "greedy", batch_size=1)
    ours = decode(held, prompts, "lookup", batch_size=8)
    theirs = decode(held, prompts, "greedy", batch_size=8)
    agree = sum(a == b for a, b in zip(alone, ours, strict=True))
    baseline = sum(a == b for a, b in zip(alone, theirs, strict=True))
    assert agree >= baseline - 6


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
    (told,) = caplog.records
    assert "'a-gpt' is decoded without lookup: models of the type 'gpt2'" in told.getMessage()
    assert decode(held, ["the answer"], "lookup", max_new_tokens=5)


def test_windows_and_growing_positions_fall_back(published):
    for change in (
        {"layer_types": ["sliding_attention", "full_attention"]},
        {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}},
    ):
        held = build("llama", 1, published)
        for name, value in change.items():
            setattr(held.model.config, name, value)
        assert obstacle(held)


def test_sampling_falls_back(published):
    held = build("llama", 1, published)
    kind = type(loop_for(held, Decoding(5, options={"do_sample": True, "temperature": 0.7})))
    assert kind is PlainLoop
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
    answers = [Answer(prompt, held, Decoding(max_new_tokens=40)) for prompt in prompts]
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
