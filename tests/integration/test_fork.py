"""A process that was forked decodes, whatever its parent was doing."""

import subprocess
import sys

import pytest

SCRIPT = """
import os, sys, threading, time
from langchain_metaaligner import AlignerLLM

llm = AlignerLLM(device="cpu", max_new_tokens=12)
wanted = llm.invoke("Wash it by hand")
busy = AlignerLLM(device="cpu", max_new_tokens=1500, generation=BUSY or {}, batch_size=4)
stop, threads = threading.Event(), []

def work():
    for _ in busy.stream("Wash the wool by hand"):
        if stop.is_set():
            return

if BUSY is not None:
    for _ in range(3):
        threads.append(threading.Thread(target=work))
        threads[-1].start()
    time.sleep(0.5)
children = []
for _ in range(6):
    pid = os.fork()
    if not pid:
        made = [llm.invoke("Wash it by hand"), "".join(llm.stream("Wash it by hand"))]
        os._exit(0 if made == [wanted] * 2 else 3)
    children.append(pid)
    time.sleep(0.03)
statuses, deadline = [], time.monotonic() + 60
for pid in children:
    done, status = 0, None
    while not done and time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        time.sleep(0.01)
    if not done:
        os.kill(pid, 9)
    statuses.append(os.waitstatus_to_exitcode(status) if done else "hangs")
stop.set()
for thread in threads:
    thread.join()
print(statuses, llm.invoke("Wash it by hand") == wanted)
"""


@pytest.mark.parametrize(
    "busy", [None, {}, {"min_new_tokens": 1400}], ids=["idle", "lookup", "generate"]
)
def test_a_child_decodes(busy):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"BUSY = {busy!r}\n{SCRIPT}"],
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.stdout.strip() == f"{[0] * 6} True", done.stderr
