import pytest

from langchain_metaaligner.errors import CheckpointError, ObjectiveError
from langchain_metaaligner.serve import ServeSettings, create_app
from langchain_metaaligner.serve.service import Service
from langchain_metaaligner.testing import FakeAlignerLLM


def test_a_mistake_in_the_settings_is_found_before_anything_is_served():
    with pytest.raises(ObjectiveError, match="Did you mean 'harmless'"):
        create_app(ServeSettings(objectives=("harmles",)))
    with pytest.raises(CheckpointError):
        create_app(ServeSettings(model="no/folder/here"))


def test_a_model_that_cannot_edit_is_never_ready():
    def fails(prompt):
        raise ValueError("out of order")

    service = Service(ServeSettings(), FakeAlignerLLM(fails))
    with pytest.raises(CheckpointError, match="out of order"):
        service.load()
    assert not service.ready


def test_loading_twice_is_loading_once():
    llm = FakeAlignerLLM(lambda prompt: "Yes.")
    service = Service(ServeSettings(), llm)
    service.load()
    service.load()
    assert len(llm.calls) == 1
