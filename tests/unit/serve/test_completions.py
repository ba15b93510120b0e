import json

from langchain_metaaligner.templates import EditTemplate

PROMPT = EditTemplate.named("UltraFeedback").format("Why?", "Just so.", ["honest"])


def ask(client, **body):
    return client.post("/v1/completions", json={"model": "mini", "prompt": PROMPT, **body})


def test_the_answer_has_openais_form(client):
    reply = ask(client).json()
    assert reply["object"] == "text_completion"
    assert reply["id"].startswith("cmpl-")
    assert reply["model"] == "mini"
    assert reply["choices"] == [
        {"index": 0, "text": "<Why?||Just so.>", "logprobs": None, "finish_reason": "stop"}
    ]
    usage = reply["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0


def test_several_prompts_and_several_choices(client):
    reply = ask(client, prompt=["a", "b"], n=2).json()
    assert [(c["index"], c["text"]) for c in reply["choices"]] == [
        (0, "and a"),
        (1, "and a"),
        (2, "and b"),
        (3, "and b"),
    ]


def test_the_prompt_is_given_back_on_request(client):
    assert ask(client, prompt="a", echo=True).json()["choices"][0]["text"] == "aand a"


def test_another_model_is_not_found(client):
    reply = ask(client, model="gpt-4o")
    assert reply.status_code == 404
    assert reply.json()["error"]["code"] == "model_not_found"
    assert "'mini'" in reply.json()["error"]["message"]


def test_the_model_may_have_another_name(serving):
    with serving(served_name="editor") as client:
        assert ask(client, model="editor").status_code == 200
        assert client.get("/v1/models").json()["data"][0]["id"] == "editor"


def test_more_choices_than_allowed_are_refused(serving):
    with serving(max_batch=3) as client:
        assert ask(client, n=3).status_code == 200
        assert ask(client, prompt=["a", "b"], n=2).status_code == 413


def events_of(reply):
    lines = [line for line in reply.text.split("\n\n") if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]


def test_a_stream_adds_up_to_the_answer(client):
    reply = ask(client, prompt=["a b", "c d"], stream=True, stream_options={"include_usage": True})
    assert reply.headers["content-type"].startswith("text/event-stream")
    *events, last = events_of(reply)
    assert last["choices"] == []
    assert last["usage"] == ask(client, prompt=["a b", "c d"]).json()["usage"]
    choices = [choice for event in events for choice in event["choices"]]
    for at, text in enumerate(["and a b", "and c d"]):
        assert "".join(c["text"] for c in choices if c["index"] == at) == text
        assert [c["finish_reason"] for c in choices if c["index"] == at][-1] == "stop"
    assert len({event["id"] for event in events}) == 1


def test_an_error_in_a_stream_is_its_last_event(serving):
    failing = []

    def fails(prompt):
        if failing:
            raise ValueError("a secret of the inside")
        return "Yes."

    with serving(function=fails) as client:
        failing.append(True)
        reply = ask(client, stream=True)
        under_way = client.app.state.service.places.under_way
    assert json.loads(reply.text.removeprefix("data: "))["error"]["code"] == "internal_error"
    assert "secret" not in reply.text
    assert under_way == 0


def test_a_failing_model_is_an_error_that_tells_nothing_of_the_inside(serving):
    failing = []

    def fails(prompt):
        if failing:
            raise ValueError("a secret of the inside")
        return "Yes."

    with serving(function=fails) as client:
        failing.append(True)
        reply = ask(client)
    assert reply.status_code == 500
    assert "secret" not in reply.text
