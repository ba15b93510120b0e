"""How many functions of the package one warm edit passes through, and in how many files.

    python benchmarks/functions_passed.py [--names]

One ``llm | aligner`` call with the bundled model, after another has warmed everything up: calls,
distinct functions and files, all threads together. The length of the way from the door to the
model and back is a measure of how hard it is to follow.
"""

import argparse
import sys
import threading
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

from langchain_core.language_models import FakeListChatModel

import langchain_metaaligner
from langchain_metaaligner import MetaAlignerRunnable

ROOT = str(Path(langchain_metaaligner.__file__).parent)


def passed() -> Counter[tuple[str, str]]:
    """Calls by (file, function) during one warm edit."""
    calls: Counter[tuple[str, str]] = Counter()
    counting = False

    def profile(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if counting and event == "call" and code.co_filename.startswith(ROOT):
            name = getattr(code, "co_qualname", code.co_name)  # from Python 3.11 on
            if not name.endswith(">"):  # comprehensions are parts of their function
                calls[code.co_filename[len(ROOT) + 1 :], name] += 1

    threading.setprofile(profile)  # for the decoding thread, which the first call starts
    aligner = MetaAlignerRunnable(objectives=["harmless"], model="mini")
    chain = (
        FakeListChatModel(responses=["Wash it by hand, you fool. Lay it flat to dry."]) | aligner
    )
    chain.invoke("How do I wash a sweater?")
    counting = True
    sys.setprofile(profile)
    chain.invoke("How do I wash a sweater?")
    sys.setprofile(None)
    counting = False
    return calls


def main() -> None:
    """Print the counts, by folder, and the names if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", action="store_true")
    calls = passed()
    by_folder = Counter(name.partition("/")[0] for name, _ in calls)
    files = {name for name, _ in calls}
    print(f"{sum(calls.values())} calls of {len(calls)} functions in {len(files)} files")
    print(", ".join(f"{folder} {number}" for folder, number in sorted(by_folder.items())))
    if parser.parse_args().names:
        for (name, function), number in sorted(calls.items()):
            print(f"{number:4} {name}: {function}")


if __name__ == "__main__":
    main()
