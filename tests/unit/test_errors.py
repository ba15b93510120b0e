"""The error tree: each error says what to do, and crosses the borders of processes."""

import copy
import gc
import pickle
import weakref
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from pkgutil import walk_packages

import pytest

import langchain_metaaligner
from langchain_metaaligner import AlignerLLM, Alignment, MetaAlignerRunnable
from langchain_metaaligner.errors import (
    OF_A_MODEL,
    CheckpointError,
    EditRejectedError,
    MetaAlignerError,
    MissingExtraError,
    SettingError,
)
from langchain_metaaligner.testing import FakeAlignerLLM

REJECTED = Alignment(
    text="draft", original="draft", decision="kept", reason="empty", detail="Nothing.", question="q"
)


def tree(root=MetaAlignerError):
    yield root
    for branch in root.__subclasses__():
        yield from tree(branch)


def every_error():
    """All errors of the package, wherever they are defined."""
    for module in walk_packages(langchain_metaaligner.__path__, "langchain_metaaligner."):
        if module.name.rpartition(".")[2].endswith(("error", "errors")):
            import_module(module.name)
    return sorted(set(tree()), key=lambda cls: cls.__name__)


def made(cls):
    if cls is EditRejectedError:
        return cls(REJECTED)
    if cls is MissingExtraError:
        return cls("The evaluation", "eval")
    if cls is CheckpointError:
        return cls("The Hub cannot be reached.", retryable=True)
    return cls("Something is wrong.")


def fail(cls):
    raise made(cls)


@pytest.mark.parametrize("cls", every_error())
class TestEveryError:
    def test_it_comes_back_from_a_pickle(self, cls):
        error = made(cls)
        error.add_note("seen on Monday") if hasattr(error, "add_note") else None
        for twin in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
            assert type(twin) is cls
            assert str(twin) == str(error)
            assert twin.retryable == error.retryable
            assert getattr(twin, "alignment", None) == getattr(error, "alignment", None)

    def test_it_says_what_to_do_next(self, cls):
        assert isinstance(made(cls).retryable, bool)
        assert made(cls).hint.endswith(".")


def test_the_tree_is_drawn_at_the_top():
    import langchain_metaaligner.errors as module

    drawn = module.__doc__
    for cls in every_error():
        if cls.__module__ == module.__name__:
            assert f"{cls.__name__} " in drawn or cls is MetaAlignerError


def test_through_a_pool_of_processes():
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(fail, cls) for cls in (EditRejectedError, MissingExtraError)]
        with pytest.raises(EditRejectedError, match="Nothing") as rejected:
            futures[0].result()
        assert rejected.value.alignment == REJECTED
        with pytest.raises(MissingExtraError, match=r"langchain-metaaligner\[eval\]"):
            futures[1].result()


def test_what_another_try_can_help():
    assert not EditRejectedError(REJECTED).retryable
    failed = Alignment(text="d", original="d", decision="kept", reason="error", detail="Gone.")
    assert EditRejectedError(failed).retryable
    assert CheckpointError("x", retryable=True).retryable
    assert not CheckpointError("x").retryable


@pytest.mark.parametrize("wrong", [{"objectives": ["x"]}, {"candidates": 3}, {"on_failure": "x"}])
def test_a_refused_option_keeps_no_object_alive(wrong):
    aligner = MetaAlignerRunnable(objectives=["fair"], llm=FakeAlignerLLM(str))
    alive = weakref.ref(aligner)
    with pytest.raises(MetaAlignerError):
        setattr(aligner, *next(iter(wrong.items())))
    with pytest.raises(MetaAlignerError):
        aligner.model_copy(update=wrong)
    del aligner
    gc.collect()
    assert alive() is None


def test_an_option_of_the_model_is_named_as_one():
    with pytest.raises(SettingError, match=r"Give model_kwargs=\{'device': 'cpu'\}"):
        MetaAlignerRunnable(objectives=["fair"], device="cpu")
    assert set(OF_A_MODEL) <= set(AlignerLLM.model_fields)
