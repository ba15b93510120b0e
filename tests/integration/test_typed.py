"""Type checkers without plugins accept what is documented, and find what is wrong.

pyright is what editors complete and check by (here as basedpyright, which brings it in a wheel),
mypy what many run. Each reads all snippets in one run; a line marked ``# wrong`` must have an
error, and no other line may.
"""

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import langchain_metaaligner
from langchain_metaaligner import MetaAlignerMiddleware, MetaAlignerRunnable
from langchain_metaaligner.edit.signature import MiddlewareOptions, RunnableOptions

ROOT = Path(langchain_metaaligner.__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

pytestmark = pytest.mark.slow

SNIPPETS = {
    "right": """
        from collections.abc import Sequence
        from typing import Any
        from langchain_core.embeddings import DeterministicFakeEmbedding
        from langchain_core.language_models import FakeListChatModel, FakeListLLM
        from langchain_core.runnables import RunnableConfig
        from langchain_metaaligner import (
            AlignerLLM, EditTemplate, MetaAlignerMiddleware, MetaAlignerRunnable, Objective
        )
        from langchain_metaaligner.checks import (
            Case, Check, CodeKept, Correction, FaithfulToContext, JSONKept, LanguageKept,
            LengthKept, NothingNew, Refusal,
        )
        from langchain_metaaligner.edit.gate import RewardGate
        from langchain_metaaligner.testing import FakeAlignerLLM

        MetaAlignerRunnable(objectives=["harmless"])
        MetaAlignerRunnable(objectives=("harmless", "Concise: fit in one sentence"))
        MetaAlignerRunnable(objectives=["fair", Objective("concise", "fit in one sentence")])
        MetaAlignerRunnable(objectives=[Objective("concise", "fit in one sentence")])
        MetaAlignerRunnable(objectives={"fair": "Fairness: be fair"})
        names: list[str] = ["harmless", "helpful"]
        MetaAlignerRunnable(objectives=names, request_objectives=names)
        MetaAlignerRunnable(objectives=["fair"], model="mini", model_kwargs={"device": "cpu"})
        MetaAlignerRunnable(objectives=["fair"], llm=FakeListChatModel(responses=["x"]))
        MetaAlignerRunnable(objectives=["fair"], caution=None, candidates=1, gate=None)
        MetaAlignerRunnable(objectives=["fair"], llm=FakeListLLM(responses=["x"]))
        MetaAlignerRunnable(objectives=["fair"], llm=FakeAlignerLLM(str.upper), name="editor")
        MetaAlignerRunnable(objectives=["fair"], template="HH-RLHF", on_failure="raise")
        MetaAlignerRunnable(objectives=["fair"], template=EditTemplate.named("IMHI"))
        MetaAlignerRunnable(objectives=["fair"], streaming="live", request_objectives="any")
        MetaAlignerRunnable(objectives=["fair"], preserve=["code", "urls", "numbers", "citations"])
        MetaAlignerRunnable(objectives=["fair"], preserve=("code",), answer_key="reply")


        def shorter(draft: str, edit: str) -> str | None:
            return "longer" if len(edit) > len(draft) else None


        async def judged(case: Case) -> Refusal | Correction | None:
            return Correction(case.edit) if case.context else None


        def by_config(edit: str, *, config: RunnableConfig) -> None: ...


        embeddings = DeterministicFakeEmbedding(size=8)
        ready: list[Check] = [
            CodeKept(), JSONKept(), LanguageKept(), LengthKept(longer=0.5), NothingNew("urls"),
            FaithfulToContext(embeddings),
        ]
        MetaAlignerRunnable(objectives=["fair"], checks=[shorter, judged, by_config, CodeKept()])
        MetaAlignerRunnable(objectives=["fair"], checks=ready, check_timeout=None)
        MetaAlignerRunnable(objectives=["fair"], checks=[lambda draft, edit: None])
        MetaAlignerRunnable(objectives=["fair"], fields=["advice", "steps[].text"])
        MetaAlignerMiddleware(objectives=["fair"], fields=("advice",), streaming="live")
        MetaAlignerMiddleware(objectives=["harmless", "humor"], name="polite", record="full")
        options: dict[str, Any] = {"objectives": ["fair"]}
        MetaAlignerRunnable(**options)
        MetaAlignerMiddleware(**options)
        aligner = MetaAlignerRunnable(objectives=["fair"])
        chain = FakeListChatModel(responses=["x"]) | aligner
        chain.invoke("Why?")
        aligner.invoke("x", objectives=["readable"])
        aligner.align("Why?", "Because.").text.upper()
        class Mine(MetaAlignerRunnable):
            "A subclass."
    """,
    "wrong": """
        from langchain_metaaligner import MetaAlignerMiddleware, MetaAlignerRunnable
        from langchain_metaaligner.checks import Correction, LengthKept, NothingNew

        MetaAlignerRunnable()  # wrong
        MetaAlignerRunnable(["fair"])  # wrong
        MetaAlignerRunnable(objectives="fair")  # wrong
        MetaAlignerRunnable(objectives=[1])  # wrong
        MetaAlignerRunnable(objectives=["fair"], on_failure="rase")  # wrong
        MetaAlignerRunnable(objectives=["fair"], on_missing_question="ask")  # wrong
        MetaAlignerRunnable(objectives=["fair"], template="HHRLHF")  # wrong
        MetaAlignerRunnable(objectives=["fair"], streaming="slow")  # wrong
        MetaAlignerRunnable(objectives=["fair"], preserve=["links"])  # wrong
        MetaAlignerRunnable(objectives=["fair"], preserve="code")  # wrong
        MetaAlignerRunnable(objectives=["fair"], request_objectives="all")  # wrong
        MetaAlignerRunnable(objectives=["fair"], checks=[lambda draft, edit: True])  # wrong
        MetaAlignerRunnable(objectives=["fair"], check_timeout="soon")  # wrong
        MetaAlignerRunnable(objectives=["fair"], fields="advice")  # wrong
        MetaAlignerRunnable(objectives=["fair"], gate=0.5)  # wrong
        MetaAlignerRunnable(objectives=["fair"], candidates="two")  # wrong
        MetaAlignerRunnable(objectives=["fair"], llm="gpt-5")  # wrong
        MetaAlignerRunnable(objectives=["fair"], model=None)  # wrong
        MetaAlignerRunnable(objectives=["fair"], objektives=["fair"])  # wrong
        MetaAlignerMiddleware()  # wrong
        MetaAlignerMiddleware(objectives=["fair"], record="thin")  # wrong
        MetaAlignerMiddleware(objectives=["fair"], on_failure="rase")  # wrong
        MetaAlignerMiddleware(objectives=["fair"], preserv=["code"])  # wrong


        def no_check(draft: str, edit: str) -> bool:
            return True


        MetaAlignerRunnable(objectives=["fair"], checks=[no_check])  # wrong
        NothingNew("dates")  # wrong
        LengthKept(longer="a lot")  # wrong
        Correction(None)  # wrong
    """,
}


def marked(text):
    return [at for at, line in enumerate(text.splitlines(), 1) if line.endswith("# wrong")]


@pytest.fixture(scope="module")
def snippets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("snippets")
    for name, text in SNIPPETS.items():
        (folder / f"{name}.py").write_text(inspect.cleandoc(text) + "\n")
    return folder


def pyright(folder):
    """The errors by file: (line, message)."""
    pytest.importorskip("basedpyright", reason="pip install basedpyright")
    settings = {
        "typeCheckingMode": "standard",
        "pythonVersion": f"{sys.version_info.major}.{sys.version_info.minor}",
        "extraPaths": [str(ROOT)],
        "failOnWarnings": False,
        "reportMissingImports": False,
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run(
        [*command, "-p", folder], capture_output=True, text=True, timeout=300, check=False
    )
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == len(list(folder.glob("*.py"))), done.stdout
    errors = {path.stem: [] for path in folder.glob("*.py")}
    for one in report["generalDiagnostics"]:
        if one["severity"] == "error":
            at = one["range"]["start"]["line"] + 1
            errors[Path(one["file"]).stem].append((at, one["message"]))
    return errors


@pytest.fixture(scope="module")
def found_by_pyright(snippets):
    return pyright(snippets)


@pytest.fixture(scope="module")
def found_by_mypy(snippets):
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        "--follow-imports=silent",
    ]
    done = subprocess.run(
        [
            *command,
            f"--cache-dir={snippets}/cache",
            "right.py",
            "wrong.py",
        ],
        cwd=snippets,
        env={"MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    errors = {"right": [], "wrong": []}
    for name, line, message in re.findall(r"^(\w+)\.py:(\d+): error: (.*)", done.stdout, re.M):
        errors[name].append((int(line), message))
    assert done.returncode in (0, 1), done.stderr
    return errors


@pytest.mark.parametrize("checker", ["found_by_pyright", "found_by_mypy"])
@pytest.mark.parametrize("name", SNIPPETS)
def test_snippets(name, checker, snippets, request):
    errors = request.getfixturevalue(checker)[name]
    expected = marked((snippets / f"{name}.py").read_text())
    assert sorted({line for line, _ in errors}) == expected, errors


ALLOWED = (
    # examples may await at the top, as notebooks do, and name what stands for the reader's own
    r"not allowed outside of async|allowed only within|is not defined$|[Uu]nbound",
    # what other packages declare: a file may hold a data set or several, an event no chunk
    r"\"to_list\" for class|\"chunk\" is not a required key",
)


def as_module(page):
    """The examples of a page as one module, each line where it stands on the page."""
    lines = page.read_text(encoding="utf-8").split("\n")
    module, inside, indent = [], False, ""
    for line in lines:
        opening = re.match(r"( *)```(python|py)$", line)
        if opening:
            inside, indent = True, opening[1]
        elif line.strip() == "```":
            inside = False
        module.append(line.removeprefix(indent) if inside and not opening else "")
    return "\n".join(module)


def test_the_examples_of_the_documents(tmp_path):
    for page in PAGES:
        if "```py" in page.read_text(encoding="utf-8"):
            (tmp_path / f"{page.stem}.py").write_text(as_module(page), encoding="utf-8")
    errors = pyright(tmp_path)
    allowed = "|".join(ALLOWED)
    wrong = [
        f"{name}.md:{line}: {message}"
        for name, found in errors.items()
        for line, message in found
        if not re.search(allowed, message)
    ]
    assert not wrong, "\n".join(wrong)


def test_every_option_is_named():
    fields = set(MetaAlignerRunnable.model_fields)
    assert set(RunnableOptions.__annotations__) == fields, "name the option in edit/signature.py"
    assert set(MiddlewareOptions.__annotations__) == fields | {"record"}


def test_the_options_are_named_at_run_time_too():
    for face, options in (
        (MetaAlignerRunnable, RunnableOptions),
        (MetaAlignerMiddleware, MiddlewareOptions),
    ):
        assert set(inspect.signature(face).parameters) >= set(options.__annotations__)
