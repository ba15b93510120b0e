"""Another try after a refused edit."""

import pytest
from langchain_core.language_models import FakeListLLM
from pydantic import Field

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.testing import FakeAlignerLLM

DRAFT = "Nobody likes you. 9 minutes."


def make(function, objectives=("fair", "honest", "kind: be kind"), **options):
    return MetaAlignerRunnable(
        **{
            "objectives": objectives,
            "llm": FakeAlignerLLM(function),
            "template": "imhi",
            "preserve": ["numbers"],
            "retries": 2,
            **options,
        }
    )


class Third:
    """Loses the number twice."""

    def __init__(self):
        self.prompts = []

    def __call__(self, prompt):
        self.prompts.append(prompt)
        return "Some minutes." if len(self.prompts) % 3 else "9 minutes."


def first_objective(prompt):
    return prompt.partition('aspects "')[2].partition(":")[0]


async def test_the_order_of_the_objectives_changes_with_every_try():
    function = Third()
    aligner = make(function)
    for alignment in (aligner.align("How?", DRAFT), await aligner.aalign("How?", DRAFT)):
        assert (alignment.text, alignment.decision, alignment.tries) == ("9 minutes.", "edited", 3)
        assert alignment.reason is alignment.rejected is None
    assert [first_objective(p) for p in function.prompts[:3]] == ["Fairness", "Honesty", "Kind"]
    assert alignment.completion_tokens == 6


def test_of_a_batch_only_what_was_refused_is_tried_again():
    function = Third()
    records = make(function).align_batch([("How?", DRAFT)] * 3)
    assert [record.tries for record in records] == [3, 3, 1]
    assert [record.reason for record in records] == [None, "preserve", None]


@pytest.mark.parametrize("call", ["invoke", "stream"])
def test_the_last_refusal_stands(call):
    aligner = make(lambda prompt: "Some minutes.")
    record = aligner.align("How?", DRAFT)
    assert (record.text, record.reason, record.tries) == (DRAFT, "preserve", 3)
    assert len(aligner.llm.calls) == 3


def test_what_failed_or_was_not_refused_is_not_tried_again():
    asked = []

    def broken(prompt):
        asked.append(prompt)
        raise RuntimeError("down")

    record = make(broken).align("How?", DRAFT)
    assert (record.reason, record.tries, len(asked)) == ("error", 1, 1)
    assert make(lambda prompt: DRAFT).align("How?", DRAFT).tries == 1
    assert make(lambda prompt: "").align("How?", DRAFT).tries == 3


def test_a_try_that_fails_leaves_the_refusal_before_it():
    texts = iter(["Some minutes."])
    record = make(lambda prompt: next(texts)).align("How?", DRAFT)
    assert (record.reason, record.rejected, record.tries) == ("preserve", "Some minutes.", 2)


class Sampler(FakeListLLM):
    """A text model with a temperature and a seed, as served ones have them."""

    responses: list[str] = Field(default_factory=list)
    temperature: float = 0.0
    seed: int | None = None

    def _call(self, prompt, *args, **kwargs):
        return f"{9 if self.seed == 2 else 'Some'} minutes at {self.temperature}."


@pytest.mark.parametrize("objectives", [["fair"], ["fair", "honest"]])
def test_sampling_with_a_seed(objectives):
    llm = Sampler()
    aligner = make(str, objectives, llm=llm, retry_by="sampling")
    record = aligner.align("How?", DRAFT)
    assert (record.text, record.tries) == ("9 minutes at 0.7.", 3)
    assert llm.seed is None
    assert llm.temperature == 0.0


def test_one_objective_is_sampled_by_itself():
    record = make(str, ["fair"], llm=Sampler(), preserve=["numbers"]).align("How?", DRAFT)
    assert record.tries == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"retries": -1}, "retries"),
        ({"retries": True}, "retries"),
        ({"retries": 1.5}, "retries"),
        ({"retries": 0, "retry_by": "order"}, "without retries"),
        ({"retry_by": "order", "objectives": ["fair"]}, "several objectives"),
        ({"retry_by": "luck"}, "retry_by"),
        ({"streaming": "live"}, "live"),
    ],
)
def test_what_cannot_work_is_one_sentence_at_construction(options, words):
    with pytest.raises(SettingError, match=words):
        make(str, **options)
