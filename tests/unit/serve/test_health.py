from prometheus_client.parser import text_string_to_metric_families


def counts(client, name):
    text = client.get("/metrics").text
    return {
        tuple(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def test_it_is_ready_once_it_has_made_an_edit(client):
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ready").json() == {"status": "ready", "model": "mini"}


def test_it_is_not_ready_before(client):
    client.app.state.service.ready = False
    reply = client.get("/ready")
    assert reply.status_code == 503
    assert reply.headers["retry-after"]


def test_answers_requests_and_tokens_are_counted(client):
    for answer in ("So.", "So it is.", ""):
        client.post("/align", json={"question": "Why?", "answer": answer})
    client.post("/v1/completions", json={"model": "mini", "prompt": "a b"})
    client.get("/nowhere/1")
    client.get("/nowhere/2")
    answers = counts(client, "metaaligner_answers_total")
    assert answers["edited", ""] == 2
    assert sum(answers.values()) == 3
    requests = counts(client, "metaaligner_requests_total")
    assert requests["/align", "200"] == 3
    assert requests["other", "404"] == 2
    assert counts(client, "metaaligner_request_seconds_count")["/align",] == 3
    assert counts(client, "metaaligner_tokens_total")["completion",] > 3
    assert counts(client, "metaaligner_answers_under_way")[()] == 0


def test_the_metrics_hold_no_text(client):
    client.post("/align", json={"question": "My secret?", "answer": "Your secret."})
    assert "secret" not in client.get("/metrics").text
