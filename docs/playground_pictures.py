"""Takes the pictures of the playground: ``python docs/playground_pictures.py``.

Needs the extra ``playground``, playwright, and Chromium as ``chromium`` (of Debian, for example).
"""

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

from langchain_metaaligner.playground.app import build_page, serving
from langchain_metaaligner.playground.options import PlaygroundOptions

DOCS = Path(__file__).parent


def main() -> None:
    page = build_page(PlaygroundOptions(device="cpu"))
    with serving(page) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for scheme in ("light", "dark"):
            shown = browser.new_page(viewport={"width": 1180, "height": 760}, color_scheme=scheme)
            shown.goto(address)
            shown.get_by_role("button", name="Try a wordy answer").click()
            shown.locator("#edit-result", has_text="Edited").wait_for()
            shown.mouse.move(0, 0)
            shown.wait_for_timeout(500)
            shown.screenshot(path=DOCS / f"playground-{scheme}.png")
        browser.close()


if __name__ == "__main__":
    main()
