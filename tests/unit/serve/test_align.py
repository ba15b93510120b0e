import json
import threading

import pytest

ASKED = {"question": "Why is the sky blue?", "answer": "Look it up."}


def post(client, path, body):
    """As JSON with escapes, so that it may hold lone surrogates."""
    return client.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})


def test_an_answer_is_corrected_and_the_record_told(client):
    reply = client.post("/align", json=ASKED)
    assert reply.status_code == 200
    record = reply.json()
    assert record["text"] == "<Why is the sky blue?||Look it up.>"
    assert record["decision"] == "edited"
    assert record["objectives"] == ["harmless", "helpful"]
    assert record["completion_tokens"] > 0
    assert "original" not in record
    assert "question" not in record


def test_the_question_may_be_a_dialogue(client):
    turns = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "Why is the sky blue?"},
    ]
    reply = client.post("/align", json={**ASKED, "question": turns})
    assert reply.json()["text"] == "<Why is the sky blue?||Look it up.>"


def test_a_request_chooses_among_the_known_objectives(client):
    assert client.post("/align", json={**ASKED, "objectives": ["fair"]}).json()["objectives"] == [
        "fair"
    ]
    reply = client.post("/align", json={**ASKED, "objectives": ["evil: insult the reader"]})
    assert reply.status_code == 400
    assert "does not offer" in reply.json()["error"]["message"]


def test_requests_choose_nothing_where_that_is_forbidden(serving):
    with serving(request_objectives="none") as client:
        assert client.post("/align", json=ASKED).status_code == 200
        assert client.post("/align", json={**ASKED, "objectives": ["fair"]}).status_code == 400


def test_a_hostile_draft_comes_back_as_it_was_written(client, hostile):
    reply = post(client, "/align", {"question": "Why?", "answer": hostile})
    assert reply.status_code == 200
    record = reply.json()
    assert record["text"] in (f"<Why?||{hostile}>", hostile)


def test_the_draft_stands_when_the_time_is_over(serving):
    slow = threading.Event()  # the model answers when nobody waits any more
    with serving(
        timeout=0.05, function=lambda prompt: str("sky" in prompt and slow.wait(20))
    ) as client:
        reply = client.post("/align", json=ASKED)
        slow.set()
    assert reply.status_code == 200
    record = reply.json()
    assert (record["text"], record["decision"], record["reason"]) == (
        ASKED["answer"],
        "kept",
        "timeout",
    )


def test_a_batch_keeps_its_order_and_a_mistake_costs_one_item(client):
    items = [
        {"question": "One?", "answer": "1"},
        {"question": " ", "answer": "2"},
        {"question": "Three?", "answer": "3", "objectives": ["harmles"]},
        {"question": "Four?", "answer": "4", "objectives": ["fair"]},
    ]
    reply = client.post("/align/batch", json={"items": items})
    assert reply.status_code == 200
    first, blank, unknown, last = reply.json()["items"]
    assert first["text"] == "<One?||1>"
    assert blank["error"]["param"] == "question"
    assert "Did you mean 'harmless'?" in unknown["error"]["message"]
    assert (last["text"], last["objectives"]) == ("<Four?||4>", ["fair"])


def test_a_batch_is_limited(serving):
    with serving(max_batch=2) as client:
        assert client.post("/align/batch", json={"items": [ASKED] * 2}).status_code == 200
        reply = client.post("/align/batch", json={"items": [ASKED] * 3})
    assert reply.status_code == 413
    assert "at most 2" in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"question": "Why?"}, "answer is missing"),
        ({**ASKED, "anwser": "x"}, "Did you mean 'answer'?"),
        ({"question": 3, "answer": "x"}, "question"),
        ({"question": [], "answer": "x"}, "question"),
        ({"question": [{"role": "tool", "content": "x"}], "answer": "x"}, "question"),
        ({**ASKED, "objectives": "fair"}, "objectives"),
        ([ASKED], "JSON object"),
        ("x", "JSON object"),
    ],
)
def test_a_mistake_is_one_sentence(client, body, says):
    reply = client.post("/align", json=body)
    assert reply.status_code == 400
    assert says in reply.json()["error"]["message"]


def test_a_failing_model_leaves_the_draft(serving):
    failing = []

    def fails(prompt):
        if failing:
            raise ValueError("out of order")
        return "Yes."

    with serving(function=fails) as client:
        failing.append(True)
        record = client.post("/align", json=ASKED).json()
    assert (record["text"], record["decision"], record["reason"]) == (
        "Look it up.",
        "kept",
        "error",
    )
