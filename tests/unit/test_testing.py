"""The double remembers its calls, but not for ever."""

import pytest

from langchain_metaaligner.testing import REMEMBERED, FakeAlignerLLM


@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_calls_are_remembered_up_to_a_limit(way):
    llm = FakeAlignerLLM(str)
    for number in range(REMEMBERED + 5):
        list(getattr(llm, way)(f"prompt {number}"))
    assert len(llm.calls) == REMEMBERED
    assert llm.calls[-1] == [f"prompt {REMEMBERED + 4}"]


def test_one_large_call_is_remembered_whole():
    llm = FakeAlignerLLM(str)
    llm.batch(["a"] * (REMEMBERED + 5))
    assert len(llm.calls[-1]) == REMEMBERED + 5
