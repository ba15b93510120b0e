"""A pipeline that is taken over goes on working for its owner, whoever else uses it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from langchain_huggingface import HuggingFacePipeline
from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline

from langchain_metaaligner import AlignerLLM, MetaAlignerRunnable
from langchain_metaaligner.decode.generate import PlainLoop
from langchain_metaaligner.decode.row import Decoding
from langchain_metaaligner.decode.scheduler import loop_for
from langchain_metaaligner.models.twin import twin

NEW = 16


@pytest.fixture
def model(published):
    return AutoModelForCausalLM.from_pretrained(published).eval()


def as_pipeline(model, published):
    """A pipeline that decodes greedily: options given beside it would be ignored."""
    task = pipeline(
        "text-generation",
        model=model,
        tokenizer=AutoTokenizer.from_pretrained(published),
        do_sample=False,
        max_new_tokens=NEW,
    )
    return HuggingFacePipeline(pipeline=task, pipeline_kwargs={"max_new_tokens": NEW})


def test_shares_weights_and_nothing_else(model):
    double = twin(model)
    assert dict(double.named_parameters()).keys() == dict(model.named_parameters()).keys()
    for one, other in zip(model.parameters(), double.parameters(), strict=True):
        assert one is other
    pairs = list(zip(model.modules(), double.modules(), strict=True))
    assert all(one is not other and type(one) is type(other) for one, other in pairs)
    configs = {id(module.config) for module in double.modules() if hasattr(module, "config")}
    assert configs == {id(double.config)}
    assert double.config is not model.config


def test_computes_the_same(model):
    ids = torch.tensor([[1, 5, 9, 30]])
    with torch.inference_mode():
        assert torch.equal(twin(model)(ids).logits, model(ids).logits)


def test_hooks_of_one_are_not_heard_on_the_other(model):
    double, heard = twin(model), []
    model.model.layers[0].register_forward_hook(lambda *_: heard.append("owner"))
    double.model.layers[0].register_forward_hook(lambda *_: heard.append("ours"))
    model(torch.tensor([[1, 5]]))
    assert heard == ["owner"]


def test_new_weights_of_the_owner_arrive(model):
    double = twin(model)
    model.to(torch.float64)
    assert next(double.parameters()).dtype == torch.float64


def test_modules_with_a_forward_of_their_own_have_no_twin(model, published, prompts):
    layer = model.model.layers[1]
    layer.forward = layer.forward  # as accelerate does, to move layers between devices
    assert twin(model) is None
    llm = AlignerLLM.from_pipeline(as_pipeline(model, published))
    assert isinstance(loop_for(llm.checkpoint, Decoding(5)), PlainLoop)
    assert llm.batch(prompts[:2])


def test_a_pipeline_and_its_aligner_in_threads(model, published, prompts):
    """The chain's model and the editor are one object, used from four threads at once."""
    hf = as_pipeline(model, published)
    aligner = MetaAlignerRunnable(objectives=["helpful"], llm=hf, template="UltraFeedback")
    chain = hf | aligner
    questions = prompts[:6]
    before = vars(model.config).copy()
    alone = [(hf.invoke(question), chain.invoke(question)) for question in questions]

    def call(at):
        question = questions[at % len(questions)]
        return hf.invoke(question) if at % 2 else chain.invoke(question)

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(call, range(48)))
    assert made == [alone[at % len(questions)][0 if at % 2 else 1] for at in range(48)]
    assert vars(model.config) == before


def test_the_owner_runs_while_a_packed_pass_is_under_way(model, published, prompts):
    hf = as_pipeline(model, published)
    llm = AlignerLLM.from_pipeline(hf)
    ids = torch.tensor([[1, 5, 9, 30]])
    with torch.inference_mode():
        wanted = model(ids).logits

        def amid(module, args, output):
            assert torch.equal(model(ids).logits, wanted)

        llm.checkpoint.model.model.layers[0].register_forward_hook(amid)
    assert llm.batch(prompts[:3])


def test_a_compiled_model_is_taken_over(model, published, prompts):
    plain = AlignerLLM.from_pipeline(as_pipeline(model, published)).batch(prompts[:3])
    hf = as_pipeline(model, published)
    hf.pipeline.model = torch.compile(model)
    assert AlignerLLM.from_pipeline(hf).batch(prompts[:3]) == plain


def test_a_model_compiled_in_place_is_taken_over(model, published, prompts):
    plain = AlignerLLM.from_pipeline(as_pipeline(model, published)).batch(prompts[:3])

    def broken(*args, **named):
        raise AssertionError("the owner's compiled code was run")

    model._compiled_call_impl = broken  # as model.compile() leaves it
    assert AlignerLLM.from_pipeline(as_pipeline(model, published)).batch(prompts[:3]) == plain
