"""One row: its room, where it ends, and who waits for it."""

import threading

import pytest

from langchain_metaaligner.decode.row import Claim, Decoding, Row
from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.models.checkpoint import CheckpointSpec, load


@pytest.fixture
def model(published):
    return load(CheckpointSpec(model=str(published), device="cpu"))


def test_ends_at_an_end_of_sequence(model):
    row = Row("the water", model, Decoding(9))
    row.extend([5, 6, 2, 7])
    assert (row.ids, row.ended, row.open) == ([5, 6], True, False)
    made = row.completion()
    assert (made.finish_reason, made.ids, made.completion_tokens) == ("stop", (5, 6), 2)


def test_ends_at_a_stop_text_and_is_cut_before_it(model):
    ids = model.encode_answer("the water is clear and kind")
    row = Row("the water", model, Decoding(40, stop=("lear", "kind")))
    row.extend(ids)
    assert row.completion().text == "the water is c"
    assert row.ended
    assert len(row.ids) < len(ids)


def test_ends_where_there_is_no_room(model):
    row = Row("the water", model, Decoding(3))
    row.extend([5, 6, 7])
    assert not row.open
    assert row.completion().finish_reason == "length"
    long = Row("seven " * 200, model, Decoding(500))
    assert long.room == 256 - len(long.prompt)
    with pytest.raises(SettingError, match="fills the context"):
        Row("seven " * 400, model, Decoding(1))


def test_has_the_ids_of_its_draft(model):
    draft = "the water is kind"
    row = Row(f"Query: a | Answer: {draft} | Edit: ", model, Decoding(9), draft)
    assert row.draft == model.encode_answer(draft)
    assert Row("Query: a", model, Decoding(9)).draft == []


def test_a_prompt_that_was_measured_is_not_tokenised_again(model):
    prompt, draft = "Query: a | Answer: the water | Edit: ", "the water"
    calls, tokenizer = [], model.tokenizer

    class Counted:
        def __call__(self, text, **named):
            calls.append(text)
            return tokenizer(text, **named)

        def __getattr__(self, name):
            return getattr(tokenizer, name)

    model.tokenizer = Counted()
    model.encode([prompt]), model.encode_answer(draft)
    for _ in range(3):
        Row(prompt, model, Decoding(9), draft)
    assert calls == [prompt, draft]


class TestClaim:
    def test_lapses_when_it_is_cancelled(self):
        claim, told = Claim(), []
        claim.upon_cancel(lambda: told.append(1))
        assert not claim.lapsed
        claim.cancel()
        assert claim.lapsed
        assert told == [1]

    def test_tells_at_once_where_it_was_cancelled_before(self):
        claim, told = Claim(), []
        claim.cancel()
        claim.upon_cancel(lambda: told.append(1))
        assert told == [1]

    def test_of_a_thread_that_is_gone_holds_while_the_interpreter_lives(self):
        claims = []
        thread = threading.Thread(target=lambda: claims.append(Claim()))
        thread.start()
        thread.join()
        assert not claims[0].lapsed
