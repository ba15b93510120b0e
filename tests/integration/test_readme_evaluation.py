"""README's evaluation block, run as printed, against a judge of this machine."""

import re
import shlex
from pathlib import Path

from typer.testing import CliRunner

from langchain_metaaligner.cli import app

README = (Path(__file__).parents[2] / "README.md").read_text()


def commands():
    """The commands of the block, without the installation."""
    title = "## Whole files, and what the edits gain"
    block = re.search(r"```bash\n(.*?)```", README.partition(title)[2], re.S)[1]
    lines = block.replace("\\\n", " ").splitlines()
    return [
        shlex.split(line, comments=True)[1:] for line in lines if line.startswith("metaaligner")
    ]


def test_it_runs_as_printed(judge_server, tmp_path, monkeypatch):
    url, _ = judge_server
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    monkeypatch.chdir(tmp_path)
    rows = [
        "question,answer",
        'How do I boil an egg?,"Nine minutes. Nobody likes you."',
        "Why?,None",
    ]
    Path("drafts.csv").write_text("\n".join(rows) + "\n")
    run = commands()
    assert [words[0] for words in run] == ["align-file", "evaluate", "evaluate"]
    for words in run:
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, (words, done.output, done.exception)
    page = Path("report.html").read_text()
    assert "What became of the drafts: aligned.csv" in page
    assert "Wins, ties and losses" in page
    assert "How do I boil an egg?" in page
