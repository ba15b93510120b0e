"""Commands in processes of their own, and runs that are killed on their way."""

import os
import shutil
import signal
import subprocess
import sys
import time


def start(*words, launcher=()):
    """Start the console command, in a group of its own that can be killed as a whole."""
    return subprocess.Popen(
        [sys.executable, *launcher, "-m", "langchain_metaaligner", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"},
        start_new_session=True,
    )


def finished(*words, launcher=()):
    """Run a command to its end; what it said on standard output."""
    process = start(*words, launcher=launcher)
    output, errors = process.communicate(timeout=500)
    assert process.returncode == 0, errors[-3000:]
    return output


def killed(output, reached, *words):
    """Kill a command in the middle: once ``reached()``, and before its end.

    Where the machine let it end before it could be killed, its output folder goes, and it is
    started again.
    """
    for _ in range(5):
        process = start(*words)
        while process.poll() is None and not reached():
            time.sleep(0.005)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        _, errors = process.communicate()
        if process.returncode == -signal.SIGKILL:
            return
        assert process.returncode == 0, errors[-3000:]
        shutil.rmtree(output)
    raise AssertionError(f"{words[0]} always ended before it was killed")


def whole_lines(path):
    """The lines of a file that are written to their end."""
    if not path.exists():
        return []
    *lines, _torn = path.read_bytes().split(b"\n")
    return lines
