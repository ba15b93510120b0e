"""Models whose replies are known, and an aligner whose edits tell what it was asked."""

import random
import re
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.testing import FakeAlignerLLM

collect_ignore = [
    "chat_server.py",
    "completions_server.py",
    "judge_server.py",
    "serving.py",
]  # programs that tests start


class Echo(BaseChatModel):
    """Replies ``r:`` and the last message, or ``fixed``, after ``failures`` errors."""

    fixed: str | None = None
    jitter: float = 0.0
    failures: int = 0

    @property
    def _llm_type(self):
        return "echo"

    def _reply(self, messages):
        time.sleep(random.random() * self.jitter)
        if self.failures:
            self.failures -= 1
            raise ValueError("the model failed")
        return self.fixed or f"r:{messages[-1].text}"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        reply = AIMessage(self._reply(messages))
        return ChatResult(generations=[ChatGeneration(message=reply)])


class StreamingEcho(Echo):
    """The same, one character a chunk."""

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        for char in self._reply(messages):
            yield ChatGenerationChunk(message=AIMessageChunk(content=char))


def _as_asked(prompt):
    query, answer = re.search(r" \| Query: (.*) \| Answer: (.*) \| Edit: $", prompt, re.S).groups()
    return f"<{query}||{answer}>"


@pytest.fixture
def echo():
    """Makes a model that replies ``r:`` and the last message."""
    return Echo


@pytest.fixture
def streaming_echo():
    """Makes such a model that streams."""
    return StreamingEcho


@pytest.fixture
def make_aligner():
    """Makes an aligner that edits an answer into ``<question||answer>``."""
    return lambda: MetaAlignerRunnable(
        objectives=["harmless"],
        llm=FakeAlignerLLM(_as_asked),
        template="UltraFeedback",
        on_missing_question="raise",
    )


@pytest.fixture
def aligner(make_aligner):
    """An aligner that edits an answer into ``<question||answer>``."""
    return make_aligner()


@pytest.fixture(scope="module")
def one_thread():
    """Computes in one thread: more of them only wait for each other on tiny models."""
    import torch  # the oldest Python's suite has none

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def judge_server(tmp_path_factory):
    """An OpenAI-compatible judge: its URL, and the log of what it was asked."""
    log = tmp_path_factory.mktemp("judge") / "asked.jsonl"
    log.touch()
    with _serving("judge_server.py", log) as address:
        yield address, log


@pytest.fixture(scope="module")
def chat_server():
    """The URL of an OpenAI-compatible chat model that answers rudely."""
    with _serving("chat_server.py") as address:
        yield address


@contextmanager
def _serving(program, *arguments):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = Path(__file__).with_name(program)
    process = subprocess.Popen([sys.executable, path, str(port), *map(str, arguments)])
    for _ in range(200):
        if _is_up(port):
            break
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}/v1"
    process.kill()
    process.wait()


def _is_up(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
            return True
    except OSError:
        return False
