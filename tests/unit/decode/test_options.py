"""Options of GenerationConfig: they work, or are refused when the model is made."""

import pytest
import torch

from langchain_metaaligner import AlignerLLM, MetaAlignerRunnable
from langchain_metaaligner.decode.options import require_working
from langchain_metaaligner.errors import SettingError

WORK = [
    {},
    {"do_sample": False},
    {"do_sample": True, "temperature": 0.7, "top_p": 0.9, "top_k": 5},
    {"temperature": 0.0},
    {"num_beams": 2},
    {"bad_words_ids": [[5], [6, 7]]},
    {"suppress_tokens": [5]},
    {"sequence_bias": [[[5], -5.0]]},
    {"prompt_lookup_num_tokens": 3},
    {"use_cache": False},
    {"cache_implementation": "static"},
    {"min_new_tokens": 4},
    {"repetition_penalty": 1.2},
    {"no_repeat_ngram_size": 3},
]
CANNOT = [
    {"do_sample": True, "temperature": 0.0},
    {"do_sample": True, "temperature": "hot"},
    {"do_sample": True, "top_k": -1},
    {"bad_words_ids": [5]},
    {"suppress_tokens": "x"},
    {"num_beams": 0},
    {"num_beams": 2.5},
    {"repetition_penalty": 0.0},
    {"cache_implementation": "none such"},
    {"cache_implementation": "offloaded"},
    {"penalty_alpha": 0.6, "top_k": 4},
    {"force_words_ids": [[5]]},
    {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.5},
    {"token_healing": True},
    {"dola_layers": "high"},
]


@pytest.mark.parametrize("options", WORK, ids=str)
@pytest.mark.parametrize("shared", [True, False])
def test_what_works_works_alone_in_batches_and_in_streams(published, prompts, options, shared):
    llm = AlignerLLM(
        model=str(published),
        device="cpu",
        max_new_tokens=6,
        batch_size=3,
        generation=options,
        share_batches=shared,
    )
    made = llm.batch(prompts[:4])
    assert all(isinstance(text, str) for text in made)
    assert isinstance("".join(llm.stream(prompts[0])), str)
    if not options.get("do_sample"):
        assert "".join(llm.stream(prompts[0])) == llm.invoke(prompts[0]) == made[0]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("options", CANNOT, ids=str)
def test_what_cannot_work_is_refused_when_the_model_is_made(published, options):
    with pytest.raises(SettingError, match=r"cannot work"):
        AlignerLLM(model=str(published), device="cpu", generation=options)


def test_what_cannot_work_is_refused_by_the_aligner_and_by_a_call(published):
    cold = {"do_sample": True, "temperature": 0.0}
    with pytest.raises(SettingError, match=r"'temperature': 0.0.* cannot work"):
        MetaAlignerRunnable(
            objectives=["fair"],
            model=str(published),
            model_kwargs={"device": "cpu", "generation": cold},
        )
    with pytest.raises(SettingError, match="cannot work"):
        AlignerLLM(model=str(published), device="cpu").invoke("the water", **cold)


def test_trying_options_leaves_the_random_numbers_alone():
    torch.manual_seed(7)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    require_working({"do_sample": True, "temperature": 0.31}, "cpu")
    assert torch.equal(torch.rand(3), wanted)


def test_beams_and_stop_texts_go_together(published, prompts):
    llm = AlignerLLM(
        model=str(published), device="cpu", max_new_tokens=12, generation={"num_beams": 3}
    )
    text = llm.invoke(prompts[0])
    stop = text[len(text) // 2 :][:2]
    assert stop not in llm.bind(stop=[stop]).invoke(prompts[0])
