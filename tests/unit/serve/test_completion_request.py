import pytest

from langchain_metaaligner.models.aligner import AlignerLLM
from langchain_metaaligner.serve.completion_request import CompletionRequest
from langchain_metaaligner.serve.errors import RequestError


def request(**body):
    return CompletionRequest.model_validate({"model": "mini", "prompt": "a", **body})


def test_an_edit_is_greedy_and_as_long_as_it_needs():
    assert request().options(AlignerLLM(max_new_tokens=77)) == {"max_new_tokens": 77}


def test_the_servers_limit_of_tokens_holds():
    llm = AlignerLLM(max_new_tokens=77)
    assert request(max_tokens=5).options(llm) == {"max_new_tokens": 5}
    assert request(max_tokens=500).options(llm) == {"max_new_tokens": 77}


def test_a_temperature_samples_from_all_tokens():
    assert request(temperature=0.7, top_p=0.9).options(AlignerLLM(max_new_tokens=9)) == {
        "max_new_tokens": 9,
        "do_sample": True,
        "temperature": 0.7,
        "top_k": 0,
        "top_p": 0.9,
    }


@pytest.mark.parametrize(("stop", "stops"), [(None, None), ("a", ["a"]), (["a", ""], ["a"])])
def test_stop_texts(stop, stops):
    assert request(stop=stop).stops == stops


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": []},
        {"prompt": ""},
        {"prompt": [1, 2]},
        {"prompt": [[1, 2]]},
        {"prompt": ["a", 1]},
        {"prompt": None},
        {"prompt": "\ud800"},
        {"temperature": -1},
        {"temperature": float("nan")},
        {"top_p": 0},
        {"max_tokens": 0},
        {"n": 0},
        {"logprobs": 2},
        {"suffix": "x"},
        {"logit_bias": {"5": 1}},
        {"frequency_penalty": 0.5},
        {"stop": ["x"] * 17},
        {"best": 2},
    ],
)
def test_what_it_cannot_do_is_refused(body):
    with pytest.raises(ValueError, match=r"\w"):
        request(**body)


def test_what_changes_nothing_is_taken():
    request(logprobs=None, logit_bias={}, presence_penalty=0, frequency_penalty=0.0, seed=7)


def test_the_best_of_several_is_refused():
    assert request(n=2, best_of=2).all_prompts(8) == ["a", "a"]
    with pytest.raises(RequestError, match="best_of=3"):
        request(n=1, best_of=3).all_prompts(8)
