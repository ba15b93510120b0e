"""What an editing model is told, and how its batches fail."""

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.outputs import Generation, LLMResult
from pydantic import Field

from langchain_metaaligner.errors import CheckpointError, SettingError
from langchain_metaaligner.models.editing_llm import EditingLLM


class Told(EditingLLM):
    """Answers with the draft that it was told, and fails for prompts that ask for it."""

    failure: Exception | None = None
    calls: list = Field(default_factory=list)

    @property
    def _llm_type(self):
        return "told"

    def _generate(self, prompts, stop=None, run_manager=None, drafts=None, draft=None, **kwargs):
        self.calls.append(list(prompts))
        if self.failure is not None and any("fail" in prompt for prompt in prompts):
            raise self.failure
        known = drafts or {}
        return LLMResult(
            generations=[[Generation(text=str(known.get(prompt, draft)))] for prompt in prompts]
        )


@pytest.fixture
def llm():
    return Told()


async def test_drafts_reach_the_model_by_prompt(llm):
    prompts, drafts = ["a", "b", "c"], ["A", None, "C"]
    assert llm.batch(prompts, drafts=drafts) == ["A", "None", "C"]
    assert await llm.abatch(prompts, drafts=drafts) == ["A", "None", "C"]
    assert llm.batch(prompts) == ["None"] * 3
    assert llm.invoke("a", draft="A") == await llm.ainvoke("a", draft="A") == "A"
    assert len(llm.calls) == 5


def test_drafts_stay_with_their_prompts_where_some_are_cached(llm):
    llm.cache = InMemoryCache()
    llm.batch(["b"], drafts=["B"])
    assert llm.batch(["a", "b", "c"], drafts=["A", "B", "C"]) == ["A", "B", "C"]
    assert llm.calls[-1] == ["a", "c"]


def test_a_draft_for_each_prompt_or_none_at_all(llm):
    with pytest.raises(ValueError, match="shorter"):
        llm.batch(["a", "b"], drafts=["A"])


async def test_one_row_that_fails_costs_one_row(llm):
    llm.failure = SettingError("too long")
    prompts = [*"abcde", "fail", *"ghij"]
    drafts = [prompt.upper() for prompt in prompts]
    for made in (
        llm.batch(prompts, return_exceptions=True, drafts=drafts),
        await llm.abatch(prompts, return_exceptions=True, drafts=drafts),
    ):
        assert made[5] is llm.failure
        assert [*made[:5], *made[6:]] == [*"ABCDE", *"GHIJ"]
    with pytest.raises(SettingError):
        llm.batch(prompts, drafts=drafts)


def test_a_model_that_cannot_be_read_is_not_tried_row_by_row(llm):
    llm.failure = CheckpointError("there is no such model")
    made = llm.batch(["a", "fail", "b"], return_exceptions=True)
    assert made == [llm.failure] * 3
    assert len(llm.calls) == 1


def test_a_config_for_each_input_goes_with_it(llm):
    llm.failure = ValueError("a defect")
    configs = [{"tags": [prompt]} for prompt in ("a", "fail", "b")]
    made = llm.batch(["a", "fail", "b"], configs, return_exceptions=True)
    assert made[1] is llm.failure
