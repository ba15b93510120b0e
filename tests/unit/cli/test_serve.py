import pytest
from typer.testing import CliRunner

from langchain_metaaligner.cli import app
from langchain_metaaligner.serve import server


@pytest.fixture
def run(monkeypatch):
    """Runs the command; what it would serve is in ``run.served``."""
    served = []
    monkeypatch.setattr(server, "run_server", lambda *given: served.append(given))

    def command(*words, **environment):
        environment.setdefault("METAALIGNER_API_KEY", "")
        result = CliRunner().invoke(app, ["serve", *words], env=environment)
        return result, served

    return command


def test_by_itself_it_is_served_to_this_machine_alone(run):
    result, [(settings, host, port, workers, access_log)] = run()
    assert result.exit_code == 0
    assert (host, port, workers, access_log) == ("127.0.0.1", 8000, 1, False)
    assert settings.objectives == ("harmless", "helpful")
    assert settings.request_objectives == "named"
    assert settings.api_keys == ()


def test_what_is_chosen_is_served(run):
    _, [(settings, host, port, workers, _)] = run(
        *["-O", "fair", "-O", "Concise: one sentence", "--allow", "fair", "--allow", "honest"],
        *["--host", "0.0.0.0", "--port", "9000", "--workers", "3", "--device", "cpu"],
        METAALIGNER_API_KEY="one,two",
    )
    assert settings.objectives == ("fair", "Concise: one sentence")
    assert settings.request_objectives == ("fair", "honest")
    assert settings.model_kwargs["device"] == "cpu"
    assert len(settings.api_keys) == 2
    assert (host, port, workers) == ("0.0.0.0", 9000, 3)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--host", "0.0.0.0"], "METAALIGNER_API_KEY"),
        (["--replicas", "2"], "--engine ray"),
        (["--engine", "rai"], "Did you mean 'ray'?"),
        (["--engine", "ray", "--workers", "2"], "--replicas"),
        (["--max-waiting", "3"], "max_batch"),
        (["--api-key-file", "/no/such/file"], "cannot be read"),
    ],
)
def test_what_cannot_work_is_one_sentence(run, words, says):
    result, served = run(*words)
    assert says in str(result.exception)
    assert served == []
