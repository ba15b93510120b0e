"""The command line in a process of its own, over the bundled checkpoint."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pyte
import pytest
from typer.testing import CliRunner

import langchain_metaaligner
from langchain_metaaligner.cli import app
from langchain_metaaligner.errors import CheckpointError
from langchain_metaaligner.models import spec
from langchain_metaaligner.objectives import KNOWN

if sys.platform != "win32":
    import fcntl
    import pty
    import termios

DRAFTS = json.loads(
    (Path(langchain_metaaligner.__file__).parent / "cli" / "drafts.json").read_text()
)


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "langchain_metaaligner", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


def test_demo_edits_most_drafts_and_leaves_a_good_one_alone():
    done = run("demo", env={"PATH": "/usr/bin:/bin", "COLUMNS": "120"})
    assert done.returncode == 0, done.stderr
    edited, unchanged = done.stdout.count("edited · "), done.stdout.count("unchanged · ")
    assert edited + unchanged == len(DRAFTS)
    assert edited >= 5
    assert unchanged >= 1
    assert f"edited {edited} of {len(DRAFTS)} drafts" in done.stdout
    assert "chain = llm | MetaAlignerRunnable" in done.stdout


def test_demo_covers_several_objectives():
    assert len({name for draft in DRAFTS for name in draft["objectives"]}) >= 7


def in_a_terminal(*arguments, keys=()):
    """What a terminal of 80 columns shows of a command in the end, all lines of it.

    Args:
        arguments: of the command.
        keys: (what the command asks for, what is typed then) pairs.
    """
    screen = pyte.HistoryScreen(80, 24, history=2_000, ratio=0.001)
    stream = pyte.ByteStream(screen)
    main, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = [sys.executable, "-m", "langchain_metaaligner", *arguments]
    env = {**os.environ, "TERM": "xterm-256color"}
    env.pop("COLUMNS", None)
    process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=env)
    os.close(terminal)
    waiting, read = list(keys), b""
    while True:
        try:
            some = os.read(main, 65_536)
        except OSError:  # the command has ended
            break
        if not some:
            break
        read += some
        stream.feed(some)
        if waiting and waiting[0][0].encode() in read:
            os.write(main, waiting.pop(0)[1].encode())
            read = b""
    assert process.wait(timeout=60) == 0
    os.close(main)
    above = ["".join(line[x].data for x in range(80)) for line in screen.history.top]
    return [line.rstrip() for line in (*above, *screen.display)]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_demo_is_whole_in_a_terminal_of_eighty_columns():
    lines = in_a_terminal("demo")
    corners = [line for line in lines if set(line) & set("╭╮╰╯")]
    assert len(corners) == 2 * len(DRAFTS)
    assert all(line[0] in "╭╰" and line[-1] in "╮╯" and len(line) == 80 for line in corners)
    assert not any("Editing" in line for line in lines)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_demo_takes_drafts_that_are_typed():
    lines = in_a_terminal(
        "demo", "--interactive",
        keys=[
            ("Question:", "How long is an egg boiled?\r"),
            ("Draft:", "You fool. Nine minutes, then cold water.\r\r"),
            ("Objectives", "\r"),
            ("Question:", "Why?\r"),
            ("Draft:", "Because.\r\r"),
            ("Objectives", "harmles\r"),
            ("Question:", "\r"),
        ],
    )  # fmt: skip
    shown = "\n".join(lines)
    assert "edited · " in shown
    assert "Did you mean 'harmless'?" in shown.replace("\n", " ")


def test_demo_without_the_weights_is_a_clear_error(tmp_path, monkeypatch):
    monkeypatch.setitem(spec.BUNDLED, "mini", tmp_path)
    result = CliRunner().invoke(app, ["demo"])
    assert isinstance(result.exception, CheckpointError)
    assert "'mini' is missing" in str(result.exception)
    assert "edited" not in result.output


def test_objectives():
    done = run("objectives", env={"PATH": "/usr/bin:/bin", "COLUMNS": "160"})
    assert done.returncode == 0, done.stderr
    for name in KNOWN:
        assert name in done.stdout


def test_align_prints_the_answer():
    draft = DRAFTS[0]
    wanted = [word for name in draft["objectives"] for word in ("--objective", name)]
    done = run("align", draft["question"], draft["answer"], *wanted)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert done.stdout.strip() != draft["answer"]


def test_align_reads_stdin_and_prints_the_record():
    done = run("align", "Why?", "-", "-O", "harmless", "--json", input="Because it rained.")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["original"] == "Because it rained."
    assert record["objectives"] == ["harmless"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-O", "harmles"], "Did you mean 'harmless'?"),
        (["-O", "harmless", "--model", "./nowhere"], "'./nowhere' is not a folder"),
        (["-O", "harmless", "--template", "HHRLHF"], "Unknown template 'HHRLHF'"),
        (["-O", "harmless", "--preserve", "dates"], "preserve"),
        (["-O", "harmless", "--device", "gpu"], "device='gpu' is unknown"),
    ],
)
def test_mistakes_are_one_sentence(arguments, message):
    done = run("align", "Why?", "Because.", *arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_blank_question():
    done = run("align", " ", "Because.", "-O", "fair")
    assert done.returncode == 1
    assert "is not known: 'Because.'. It is blank" in done.stderr
