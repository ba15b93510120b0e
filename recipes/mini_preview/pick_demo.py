"""Keep the demo drafts that a mini edits exactly: ``python pick_demo.py --model DIR``.

Reads ``demo_drafts.json`` (made-up drafts and their wanted edits) beside this file and writes
``demo_candidates.json`` with those whose edit in the UltraFeedback template is the wanted one.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from evaluate import Aligner
from prompts import TEMPLATES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--show", action="store_true", help="print what went wrong")
    here = Path(__file__).parent
    parser.add_argument("--output", type=Path, default=here / "demo_candidates.json")
    options = parser.parse_args()
    drafts = json.loads((here / "demo_drafts.json").read_text(encoding="utf-8"))
    aligner = Aligner(options.model)
    kept = []
    edits: dict[str, list[str]] = {}
    for name, template in TEMPLATES.items():
        asked = "\n\nHuman: {}\n\nAssistant:" if name == "HH-RLHF" else "{}"
        prompts = [
            template.prompt(d["objectives"], asked.format(d["question"]), d["answer"])
            for d in drafts
        ]
        edits[name] = aligner.edit(prompts, [d["answer"] for d in drafts])
        right = sum(e == d["expected"] for e, d in zip(edits[name], drafts, strict=True))
        print(f"{name}: {right} of {len(drafts)}")
    for draft, edit in zip(drafts, edits["UltraFeedback"], strict=True):
        if edit == draft["expected"]:
            kept.append(draft)
        elif options.show:
            print(json.dumps({**draft, "got": edit}, indent=1, ensure_ascii=False))
    text = json.dumps(kept, indent=1, ensure_ascii=False) + "\n"
    options.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
