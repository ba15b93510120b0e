"""`metaaligner serve` in a process of its own, as its docs start it."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress

import psutil

KEY = "a-key-of-the-tests"


def processes(root, word):
    """The living processes below one whose command has a word in it."""
    found = []
    for one in psutil.Process(root).children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            if word in " ".join(one.cmdline()):
                found.append(one)
    return found


class Served:
    """A server process on a free port; its address is known once it says it."""

    def __init__(self, *words, command=("metaaligner", "serve"), **environment):
        program = [sys.executable, "-m", "langchain_metaaligner", *command[1:]]
        self.process = subprocess.Popen(
            [*program, "--port", "0", *words],
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "METAALIGNER_API_KEY": KEY,
                **environment,
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines = []
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self):
        for line in self.process.stderr:
            self.lines.append(line)

    @property
    def log(self):
        return "".join(self.lines)

    @property
    def url(self):
        return re.search(r"http://\S+:\d+", self.log)[0]

    def wait(self, seconds=120):
        """Wait until it is ready."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log
            if "http://" in self.log and self.status("/ready") == 200:
                return self
            time.sleep(0.1)
        raise AssertionError(f"not ready: {self.log}")

    def status(self, path):
        """The status of a GET without a key; None where nobody answers."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as reply:
                return reply.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    def metric(self, name):
        """The sum of a metric over its labels."""
        with urllib.request.urlopen(self.url + "/metrics", timeout=5) as reply:
            lines = reply.read().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if re.match(rf"{name}[ {{]", line))

    def workers(self):
        """The processes that hold a model."""
        return processes(self.process.pid, "spawn_main")

    def stop(self, number=signal.SIGTERM, seconds=60):
        """Tell it to end; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def __enter__(self):
        return self.wait()

    def __exit__(self, *error):
        if self.process.poll() is None:
            for one in psutil.Process(self.process.pid).children(recursive=True):
                one.kill()
            self.process.kill()
            self.process.wait()
        self._listener.join()
        self.process.stderr.close()
