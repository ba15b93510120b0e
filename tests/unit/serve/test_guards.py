import pytest

ASKED = {"question": "Why?", "answer": "So."}
PATHS = ["/align", "/align/batch", "/v1/completions", "/v1/models", "/openapi.json", "/nowhere"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic right"},
        {"Authorization": "right"},
        {"X-API-Key": "righ"},
        {"X-API-Key": "rightt"},
        {"Authorization": "Bearer r\xefght".encode("latin-1")},
    ],
)
def test_nothing_is_told_without_a_key(serving, path, headers):
    with serving(api_keys=("right", "other")) as client:
        for method in ("GET", "POST"):
            reply = client.request(method, path, headers=headers)
            assert reply.status_code == 401
            assert reply.json()["error"]["code"] == "invalid_api_key"
            assert reply.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer right"},
        {"authorization": "bearer other"},
        {"X-API-Key": "right"},
    ],
)
def test_any_of_the_keys_opens(serving, headers):
    with serving(api_keys=("right", "other")) as client:
        assert client.post("/align", json=ASKED, headers=headers).status_code == 200


def test_whoever_watches_needs_no_key(serving):
    with serving(api_keys=("right",)) as client:
        for path in ("/health", "/ready", "/metrics"):
            assert client.get(path).status_code == 200


def test_a_body_is_limited_by_its_length_as_told(serving):
    with serving(max_body_bytes=200) as client:
        assert client.post("/align", json=ASKED).status_code == 200
        reply = client.post("/align", json={**ASKED, "answer": "x" * 300})
    assert reply.status_code == 413
    assert "200 bytes" in reply.json()["error"]["message"]


def test_a_body_is_limited_as_it_comes(serving):
    pieces = (b" " * 50 for _ in range(10))
    with serving(max_body_bytes=200) as client:
        reply = client.post("/align", content=pieces, headers={"Content-Type": "application/json"})
    assert reply.status_code == 413
    assert "200 bytes" in reply.json()["error"]["message"]
