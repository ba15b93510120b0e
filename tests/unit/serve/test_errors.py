import pytest

from langchain_metaaligner import Alignment
from langchain_metaaligner.errors import (
    CheckpointError,
    EditRejectedError,
    MissingQuestionError,
    ObjectiveError,
)
from langchain_metaaligner.serve.errors import RequestError


@pytest.mark.parametrize(
    ("error", "status", "retryable"),
    [
        (ObjectiveError("Unknown objective."), 400, False),
        (MissingQuestionError("No question."), 400, False),
        (EditRejectedError(Alignment("a", "a", "kept", "looping", "It loops.")), 422, False),
        (CheckpointError("No weights."), 503, True),
        (ZeroDivisionError("inside"), 500, False),
        (RequestError(429, "Busy."), 429, True),
    ],
)
def test_every_error_has_a_status_and_says_whether_another_try_can_help(error, status, retryable):
    told = RequestError.of(error)
    assert told.status == status
    assert told.body["retryable"] is retryable
    assert "inside" not in told.body["message"]


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b"\xff\xfe", b""])
def test_what_is_no_json_is_a_mistake_of_the_client(client, body):
    reply = client.post("/align", content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == 400
    assert set(reply.json()["error"]) == {"message", "type", "param", "code", "retryable"}


def test_paths_that_do_not_exist_are_told_in_the_same_form(client):
    assert client.get("/nowhere").json()["error"]["type"] == "not_found_error"
    assert client.get("/align").status_code == 405
