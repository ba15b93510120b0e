"""A random soak: callers of all kinds at once, for as long as you like.

    python benchmarks/soak.py --minutes 20

Threads and event loops ask one aligner for edits by invoke, batch, stream and their async twins,
checked and live; calls are cancelled and abandoned; models, checks and gates fail at random; now
and then a process of its own ends in the middle of an edit, or forks. What must hold, whatever
happens: every caller gets the answer to its own draft or an error of its own, nobody waits longer
than ``--patience``, processes end with the status they should, and memory does not grow. Ends with
status 1, and the seed, where it does not.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable

import psutil

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.edit.gate import RewardGate
from langchain_metaaligner.errors import EditRejectedError
from langchain_metaaligner.testing import FakeAlignerLLM

INSULT = "Nobody likes you."
ENDINGS = """
import asyncio, faulthandler, os, sys, threading
faulthandler.dump_traceback_later(float(sys.argv[2]), exit=True)  # shows where it hangs
from langchain_metaaligner import MetaAlignerRunnable
aligner = MetaAlignerRunnable(objectives=["harmless"], streaming="live")
aligner.align("Warm up?", "Yes.")
kind = sys.argv[1]
pair = "How?", "Wash it by hand in cold water, slowly. " * 30 + "Nobody likes you."
if kind == "timeout":
    async def main():
        try:
            await asyncio.wait_for(aligner.aalign(*pair), 0.05)
        except asyncio.TimeoutError:
            pass
    asyncio.run(main())
elif kind == "stream":
    for piece in aligner.stream({"question": pair[0], "answer": pair[1]}):
        break
elif kind == "thread":
    threading.Thread(target=aligner.align, args=pair, daemon=True).start()
elif kind == "fork":
    threading.Thread(target=aligner.align, args=pair, daemon=True).start()
    child = os.fork()
    if not child:
        os._exit(0 if aligner.align("Why?", "So.").text else 9)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


class Scorer:
    """Scores answers by their length, slowly, and fails now and then."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def score_all(self, pairs: list[tuple[str, str]]) -> list[dict[str, float]]:
        """A score for each answer; a shorter one is better."""
        time.sleep(self.rng.random() * 0.02)
        if self.rng.random() < 0.1:
            raise RuntimeError("the reward model is away")
        return [{"brevity": -float(len(answer))} for _, answer in pairs]


class Soak:
    """The aligners, what is asked of them, and what was found."""

    def __init__(self, seed: int, patience: float) -> None:
        self.rng = random.Random(seed)
        self.patience = patience
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []
        self.serial = 0
        self.ends = threading.Event()
        self.waiting: dict[int, float] = {}
        local = MetaAlignerRunnable(objectives=["harmless"])
        self.aligners = {
            "checked": local,
            "live": MetaAlignerRunnable(objectives=["harmless"], streaming="live"),
            "gate": MetaAlignerRunnable(
                objectives=["harmless"], gate=RewardGate(Scorer(self.rng)), checks=[self._check]
            ),
            "fake": MetaAlignerRunnable(objectives=["fair"], llm=FakeAlignerLLM(self._edit)),
            "raise": MetaAlignerRunnable(
                objectives=["fair"], llm=FakeAlignerLLM(self._edit), on_failure="raise"
            ),
        }

    def _check(self, draft: str, edit: str) -> str | None:
        if self.rng.random() < 0.05:
            raise ValueError("a check that breaks")
        return "no" if self.rng.random() < 0.05 else None

    def _edit(self, prompt: str) -> str:
        if self.rng.random() < 0.1:
            raise ConnectionError("the model is away")
        draft = prompt.rpartition(" | Answer: ")[2].removesuffix(" | Edit: ")
        return draft.replace(INSULT, "").strip()

    def pair(self) -> tuple[str, str, str]:
        """A question, a draft with a number of its own, and that number."""
        self.serial += 1
        mark = f"{self.serial:07d}"
        body = f"The pump of house {mark} moves water to the roof. " * self.rng.choice((1, 1, 2, 8))
        return f"What is in house {mark}?", f"{body}{INSULT}", mark

    def saw(self, mark: str, text: str, kind: str) -> None:
        """Compare an answer with the draft that it must belong to."""
        self.counts[kind] += 1
        if mark not in text:
            self.faults.append(f"{kind}: the answer to {mark} is {text!r:.200}")

    def call(self, kind: str, ask: Callable[[], None]) -> None:
        """Make one call under the watch of `watch`; its own errors are counted."""
        me = threading.get_ident()
        self.waiting[me] = time.monotonic()
        try:
            ask()
        except EditRejectedError as error:
            self.counts[f"{kind}: {type(error).__name__}"] += 1
        except Exception as error:  # every other error is a fault, and the soak goes on
            self.faults.append(f"{kind}: {type(error).__name__}: {error!s:.300}")
        finally:
            self.waiting.pop(me, None)

    def caller(self) -> None:
        """A thread that makes calls of one kind after the other."""
        while not self.ends.is_set():
            name, aligner = self.rng.choice(list(self.aligners.items()))
            way = self.rng.choice(("invoke", "batch", "stream", "leave"))
            self.call(f"{name}.{way}", lambda a=aligner, w=way: self._ask(a, w))

    def _ask(self, aligner: MetaAlignerRunnable, way: str) -> None:
        question, draft, mark = self.pair()
        value = {"question": question, "answer": draft}
        if way == "invoke":
            self.saw(mark, aligner.invoke(value)["answer"], way)
        elif way == "batch":
            rows = [self.pair() for _ in range(self.rng.randint(1, 5))]
            values = [{"question": q, "answer": d} for q, d, _ in rows]
            for (_, _, own), made in zip(
                rows, aligner.batch(values, return_exceptions=True), strict=True
            ):
                if not isinstance(made, Exception):
                    self.saw(own, made["answer"], way)
        else:
            pieces = aligner.stream(value)
            text = ""
            for piece in pieces:
                text += piece.get("answer", "")
                if way == "leave" and text:
                    break
            if way == "stream":
                self.saw(mark, text, way)

    def looper(self) -> None:
        """A thread with an event loop, whose calls are cancelled at random."""

        async def one() -> None:
            aligner = self.rng.choice(list(self.aligners.values()))
            question, draft, mark = self.pair()
            limit = self.rng.choice((0.01, 0.1, 60))
            try:
                record = await asyncio.wait_for(aligner.aalign(question, draft), limit)
            except (TimeoutError, asyncio.TimeoutError):
                self.counts["cancelled"] += 1
            except EditRejectedError:
                self.counts["aalign: EditRejectedError"] += 1
            else:
                self.saw(mark, record.text, "aalign")

        async def many() -> None:
            await asyncio.gather(*(one() for _ in range(self.rng.randint(1, 12))))

        while not self.ends.is_set():
            self.call("loop", lambda: asyncio.run(many()))

    def process(self) -> None:
        """Processes that end in the middle of an edit."""
        while not self.ends.is_set():
            kind = self.rng.choice(("timeout", "stream", "thread", "fork"))
            self.call(f"process.{kind}", lambda k=kind: self._end(k))
            self.ends.wait(5)

    def _end(self, kind: str) -> None:
        ended = subprocess.run(
            [sys.executable, "-c", ENDINGS, kind, str(0.8 * self.patience)],
            capture_output=True,
            text=True,
            timeout=self.patience,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self.counts[f"process.{kind}"] += 1
        if ended.returncode:
            self.faults.append(f"process.{kind}: {ended.returncode}, {ended.stderr[-2000:]}")

    def watch(self) -> None:
        """Take note of callers that wait too long."""
        while not self.ends.wait(1):
            now = time.monotonic()
            for me, since in list(self.waiting.items()):
                if now - since > self.patience:
                    self.faults.append(f"thread {me} waits for {now - since:.0f} s")
                    self.ends.set()


def main() -> None:
    """Soak, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--callers", type=int, default=6)
    parser.add_argument(
        "--patience", type=float, default=240, help="seconds that one call may take"
    )
    options = parser.parse_args()
    soak = Soak(options.seed, options.patience)
    targets = [*[soak.caller] * options.callers, soak.looper, soak.looper, soak.process, soak.watch]
    threads = [threading.Thread(target=target, daemon=True) for target in targets]
    for thread in threads:
        thread.start()
    begin, sizes = time.monotonic(), []
    while time.monotonic() - begin < options.minutes * 60 and not soak.ends.wait(10):
        sizes.append(psutil.Process().memory_info().rss / 2**20)
    soak.ends.set()
    for thread in threads:
        thread.join(options.patience)
    print(f"seed {options.seed}; calls: {dict(soak.counts.most_common())}")
    warm = sizes[len(sizes) // 4 :] or [0.0]
    print(f"memory: {warm[0]:.0f} MB after a quarter, {warm[-1]:.0f} MB at the end")
    if warm[-1] > 1.2 * warm[0] + 100:
        soak.faults.append(f"memory grew from {warm[0]:.0f} to {warm[-1]:.0f} MB")
    for fault in soak.faults[:20]:
        print("FAULT", fault)
    sys.exit(bool(soak.faults))


if __name__ == "__main__":
    main()
