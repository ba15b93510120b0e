"""How a process ends that has edits under way: as it chose, at once, and never by an abort."""

import signal
import subprocess
import sys
import time

import pytest

PRELUDE = """
import asyncio, sys, threading, time
from langchain_metaaligner import AlignerLLM, MetaAlignerRunnable

aligner = MetaAlignerRunnable(
    objectives=["harmless"],
    streaming="live",
    model_kwargs={"device": "cpu", **OPTIONS},
)
llm = aligner.editor
llm.invoke("warm up", max_new_tokens=1)
VALUE = {"question": "How do I wash wool?", "answer": "By hand, in cold water, you fool. " * 8}
llm.checkpoint.model.register_forward_hook(
    lambda *_: time.sleep(0.02) or print("pass", flush=True)
)
llm.checkpoint.eos_ids = frozenset()  # an edit takes as long as it can
llm.checkpoint.model.generation_config.eos_token_id = None
"""
ENDINGS = {
    "a call that timed out": (
        """
async def main():
    try:
        await asyncio.wait_for(aligner.ainvoke(VALUE), 0.3)
    except asyncio.TimeoutError:
        print("timed out")
asyncio.run(main())
""",
        0,
    ),
    "a stream that is left": (
        """
pieces = iter(llm.stream("Wash the wool by hand"))
next(pieces)
""",
        0,
    ),
    "a live stream of the aligner that is left": (
        """
for piece in aligner.stream(VALUE):
    break
""",
        0,
    ),
    "an async stream that is left": (
        """
async def main():
    async for piece in llm.astream("Wash the wool by hand"):
        break
asyncio.run(main())
""",
        0,
    ),
    "a call in a daemon thread": (
        """
threading.Thread(target=aligner.invoke, args=(VALUE,), daemon=True).start()
time.sleep(0.3)
sys.exit(7)
""",
        7,
    ),
    "an exit beside a batch": (
        """
loop = asyncio.new_event_loop()
loop.create_task(aligner.abatch([VALUE] * 3))
loop.run_until_complete(asyncio.sleep(0.3))
sys.exit(130)
""",
        130,
    ),
}
KINDS = {
    "shared": {},
    "alone": {"share_batches": False},
    "by generate": {"decoding": "greedy"},
}
CASES = [
    *((ending, "shared") for ending in ENDINGS),
    ("a call that timed out", "alone"),
    ("a stream that is left", "alone"),
    ("a call that timed out", "by generate"),
    ("a stream that is left", "by generate"),
    ("a call in a daemon thread", "by generate"),
]


def script(options, ending):
    return f"OPTIONS = {options!r}\n{PRELUDE}\n{ending}\n"


@pytest.mark.parametrize(("ending", "kind"), CASES)
def test_the_process_ends_as_it_chose(ending, kind):
    code, status = ENDINGS[ending]
    done = subprocess.run(
        [sys.executable, "-c", script(KINDS[kind], code)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == status, done.stderr
    assert "terminate called" not in done.stderr
    # More than a thousand tokens were asked for; whoever is gone does not have them made.
    assert done.stdout.count("pass") < 100


@pytest.mark.parametrize("kind", ["shared", "by generate"])
def test_an_interrupted_batch_ends_as_interrupted(kind):
    code = """
print("ready", flush=True)
try:
    aligner.batch([VALUE] * 3)
except KeyboardInterrupt:
    sys.exit(130)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script(KINDS[kind], code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.stdout.readline().strip() != "ready":
        pass
    process.stdout.readline()  # a first pass
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors


def test_a_thread_that_the_interpreter_waits_for_gets_its_edit():
    code = """
def work():
    print(len(llm.invoke("Wash it", max_new_tokens=40)) > 20, flush=True)
threading.Thread(target=work).start()
"""
    done = subprocess.run(
        [sys.executable, "-c", script({}, code)], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout.split()[-1]) == (0, "True"), done.stderr
