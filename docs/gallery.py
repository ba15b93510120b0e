"""Runs the bundled aligner over the gallery's drafts: ``python docs/gallery.py``.

Reads ``gallery/drafts.yaml`` and writes ``gallery/edits.json``, from which ``docs/tables.py`` makes
the page. A reader's judgement of each edit (`good`, `note`) is kept in the drafts.
"""

import json
from pathlib import Path
from typing import Any

import yaml

GALLERY = Path(__file__).with_name("gallery")
KEPT = ("question", "objectives", "original", "text", "decision", "reason", "model")


def drafts() -> list[dict[str, Any]]:
    return yaml.safe_load((GALLERY / "drafts.yaml").read_text(encoding="utf-8"))


def edits() -> list[dict[str, Any]]:
    """What the bundled aligner makes of each draft, on a CPU."""
    from langchain_metaaligner import AlignerLLM, MetaAlignerRunnable

    editor = AlignerLLM.from_pretrained(device="cpu")
    records = []
    for case in drafts():
        aligner = MetaAlignerRunnable(objectives=case["objectives"], llm=editor)
        record = aligner.align(case["question"], case["draft"]).record()
        records.append({name: record[name] for name in KEPT})
    return records


def main() -> None:
    text = json.dumps(edits(), indent=2, ensure_ascii=False)
    (GALLERY / "edits.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
