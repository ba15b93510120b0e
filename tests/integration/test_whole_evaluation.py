"""Real policy outputs, aligned, judged, rated and scored, end in one report."""

import pandas
import pytest
from typer.testing import CliRunner

from langchain_metaaligner.cli import app

SECTIONS = (
    "What became of the drafts: aligned.csv",
    "Wins, ties and losses",
    "Ratings",
    "Rewards",
    "IMHI",
    "How it was made",
)


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "none")

    def invoke(*words):
        result = CliRunner().invoke(app, list(map(str, words)))
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    return invoke


@pytest.mark.usefixtures("one_thread")
def test_real_outputs_end_in_a_report(texts, judge_server, checkpoint, run, tmp_path):
    source = texts / "policy_outputs" / "HH-RLHF" / "Claude-3.csv"
    frame = pandas.read_csv(source, escapechar="\\").head(12)
    frame.to_csv(tmp_path / "drafts.csv", index=False)
    url, _ = judge_server
    judged = ("--judge", "openai:judge", "--judge-option", f"base_url={url}")
    asked = ("--objective", "harmless", "--objective", "helpful")
    aligned = tmp_path / "aligned.csv"
    run("align-file", tmp_path / "drafts.csv", "--output", aligned, *asked, "--max-new-tokens", 300)
    reward = f"harmless={checkpoint(tmp_path / 'reward', 1)}"
    imhi = texts / "policy_outputs" / "IMHI" / "llama2-chat-7B"
    commands = {
        "judge": ("judge", aligned, *judged, *asked, "--dataset", "HH-RLHF"),
        "rate": ("rate", aligned, *judged, *asked, "--dataset", "HH-RLHF"),
        "reward": ("reward", aligned, "--reward", reward),
        "imhi": ("imhi", imhi, "--metric", "rougeL"),
    }
    pages = []
    for name in ("first", "again"):
        for kind, words in commands.items():
            run("evaluate", *words, "--output", tmp_path / kind)
        page = tmp_path / f"{name}.html"
        runs = (aligned, *(tmp_path / kind for kind in commands))
        run("evaluate", "report", *runs, "--output", page, "--markdown", tmp_path / "report.md")
        pages.append(page.read_bytes())
    assert pages[0] == pages[1]
    text = (tmp_path / "report.md").read_text()
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == list(SECTIONS)
    assert "Of 12 answers" in text
    assert "| CAMS | 625 |" in text
    assert pages[0].count(b"<svg") == 1  # the ratings; wins and rewards are bars of HTML
    assert b'<div class="bars">' in pages[0]
