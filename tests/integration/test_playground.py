"""The playground in a real browser: the command as it is started, a page as people use it."""

import csv
import json
import shutil
import signal
import subprocess
import urllib.error
import urllib.request

import psutil
import pytest
from processes import start

pytest.importorskip("gradio", reason="needs pip install 'langchain-metaaligner[playground]'")
sync_api = pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium, such as apt install chromium"),
]

DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
RUDE = "What a stupid question. Soak the pan overnight and rinse it in the morning."


@pytest.fixture(scope="module")
def command(chat_server, tmp_path_factory, checkpoint):
    """The running command, and the address that it printed."""
    reward = checkpoint(tmp_path_factory.mktemp("reward"), 1)
    process = start(
        *("playground", "--device", "cpu", "--chat", "openai:rude"),
        *("--chat-option", f"base_url={chat_server}", "--chat-option", "api_key=none"),
        *("--reward", f"helpful={reward}", "--min-gain", "-1000"),
    )
    line = process.stdout.readline()
    if "http://" not in line:
        process.kill()
        pytest.fail(f"the playground did not start: {line}{process.stderr.read()[-3000:]}")
    yield process, line.split()[4]
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def plain_command():
    """The same as most people start it: without a gate, so that the edit is shown as it grows."""
    process = start("playground", "--device", "cpu")
    yield process.stdout.readline().split()[4]
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser):
    """Opens an address; the page notes what it asks of any server, and its errors."""
    contexts = []

    def opened(address, size=DESKTOP, **options):
        context = browser.new_context(viewport=size, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.asked, page.errors = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.goto(address)
        page.get_by_label("Draft answer").wait_for()
        return page

    yield opened
    for context in contexts:
        context.close()


def decided(page, words):
    """Wait for a decision in the result of the edit."""
    page.locator("#edit-result", has_text=words).wait_for()
    return page.locator("#edit-result")


def only(page, objective):
    """Tick one objective and no other, on the tab that is shown."""
    for box in page.get_by_role("checkbox", checked=True).all():
        if box.is_visible() and box.get_attribute("name") in ("Harmlessness", "Helpfulness"):
            box.uncheck()
    page.get_by_role("checkbox", name=objective).locator("visible=true").check()


def test_an_example_is_edited_and_its_record_shown(open_page, plain_command):
    page = open_page(plain_command)
    page.get_by_role("button", name="Try a rude answer").click()
    result = decided(page, "Edited")
    assert "stupid" in result.locator("del").first.inner_text()
    final = page.get_by_label("Final answer").input_value()
    assert "stupid" not in final
    assert "Water it when the soil feels dry" in final
    text = result.inner_text()
    assert " s\n" in text
    assert "written" in text
    assert page.errors == []


def test_the_edit_follows_what_is_typed(open_page, plain_command):
    page = open_page(plain_command)
    page.get_by_label("Question").fill("How do I clean a burnt pan?")
    page.get_by_label("Draft answer").press_sequentially(RUDE, delay=5)
    page.wait_for_function(
        "text => document.querySelector('#edit-final textarea').value === text",
        arg="Soak the pan overnight and rinse it in the morning.",
    )


def test_a_mistake_is_a_sentence_and_the_draft_stays(open_page, plain_command):
    page = open_page(plain_command)
    page.get_by_label("Question").fill("How do I clean a burnt pan?")
    page.get_by_label("Draft answer").fill(RUDE)
    page.get_by_label("Objectives of your own").locator("visible=true").fill("shiny")
    page.get_by_role("button", name="Edit", exact=True).click()
    alert = page.locator("#edit-result").get_by_role("alert")
    alert.filter(has_text="Unknown objective 'shiny'").wait_for()
    assert page.get_by_label("Draft answer").input_value() == RUDE


def test_the_gate_shows_its_scores(open_page, command):
    page = open_page(command[1])
    page.get_by_role("button", name="Try a rude answer").click()
    result = decided(page, "Edited")
    (row,) = result.get_by_role("row", name="helpful").all()
    draft, edit, change = (float(cell.inner_text()) for cell in row.get_by_role("cell").all())
    assert change == pytest.approx(edit - draft, abs=2e-3)


def test_a_chat_shows_raw_and_corrected_answers_side_by_side(open_page, command):
    page = open_page(command[1])
    page.get_by_role("tab", name="Chat").click()
    page.get_by_label("Your message").fill("How do I boil an egg?")
    page.get_by_label("Your message").press("Enter")
    raw = page.get_by_role("article", name="Raw answer")
    corrected = page.get_by_role("article", name="Corrected answer")
    corrected.filter(has_text="Edited").wait_for()
    assert "What a stupid question." in raw.inner_text()
    assert "stupid" not in corrected.inner_text()
    assert "Put the egg in boiling water" in corrected.inner_text()
    assert raw.bounding_box()["y"] == corrected.bounding_box()["y"]
    assert page.get_by_label("Your message").input_value() == ""
    page.get_by_label("Your message").fill("And a broken one?")
    page.get_by_label("Your message").press("Enter")
    page.get_by_role("alert").filter(has_text="The chat model failed.").wait_for()
    assert raw.count() == 2


@pytest.fixture
def drafts(tmp_path):
    """A file with two drafts that the aligner edits, and one that it has no reason to."""
    path = tmp_path / "drafts.csv"
    rows = [
        ("How do I clean a burnt pan?", RUDE),
        ("How do I dry mint?", "What a stupid question. Hang it upside down in a dry room."),
        ("Where is north?", "Hold a compass flat and read the red end of its needle."),
    ]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("question", "answer"), *rows])
    return path


def test_a_blind_vote_by_keyboard(open_page, plain_command, drafts):
    page = open_page(plain_command)
    page.get_by_role("tab", name="Compare").click()
    page.locator("#compare-file input[type=file]").set_input_files(drafts)
    only(page, "Harmlessness")
    page.get_by_role("button", name="Make the answers").click()
    for number in (1, 2):
        pair = page.get_by_role("region", name=f"Pair {number} of 2")
        pair.wait_for()
        assert "mini" not in pair.inner_text()
        rude_left = "stupid" in pair.get_by_role("article", name="Left answer").inner_text()
        page.locator("body").press("3" if rude_left else "1")
    result = page.get_by_role("region", name="Result of the vote")
    result.wait_for()
    text = " ".join(result.inner_text().split())
    assert "2 to 0, 0 equal" in text
    assert "Same text from both, counted as ties 1" in text
    assert "100 % (34 to 100 %)" in text
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the votes").click()
    rows = [json.loads(line) for line in download.value.path().read_text().splitlines()]
    assert {row["preferred"] for row in rows} == {"mini"}
    page.locator("body").press("0")
    page.get_by_role("region", name="Pair 2 of 2").wait_for()
    assert result.count() == 0


def test_everything_works_by_keyboard(open_page, plain_command):
    page = open_page(plain_command)
    page.get_by_label("Edit while I type").uncheck()
    page.get_by_label("Question").focus()
    page.keyboard.type("How do I clean a burnt pan?")
    page.keyboard.press("Tab")
    page.keyboard.type(RUDE)
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "edit-button":
            break
    page.keyboard.press("Enter")
    decided(page, "Edited")


UNNAMED = """() => [...document.querySelectorAll('input, textarea, select, button, a[href]')]
  .filter(one => one.offsetParent && !one.disabled)
  .filter(one => !(one.labels?.length && [...one.labels].some(l => l.innerText.trim()))
    && !one.getAttribute('aria-label') && !one.getAttribute('title') && !one.innerText.trim()
    && !one.getAttribute('aria-labelledby'))
  .map(one => one.outerHTML.slice(0, 200))"""


@pytest.mark.parametrize("tab", ["Edit", "Chat", "Compare"])
def test_every_control_has_a_name_for_screen_readers(open_page, plain_command, tab):
    page = open_page(plain_command)
    page.get_by_role("tab", name=tab).click()
    page.wait_for_timeout(300)
    assert page.evaluate(UNNAMED) == []
    for name in ("edit-result", "chat-turns", "compare-pair"):
        region = page.locator(f"#{name}")
        if region.count():
            assert region.get_attribute("aria-live") == "polite"
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.get_by_role("heading", level=1).inner_text() == "MetaAligner playground"


@pytest.mark.parametrize("tab", ["Edit", "Chat", "Compare"])
def test_a_phone_scrolls_in_one_direction(open_page, plain_command, tab):
    page = open_page(plain_command, PHONE, has_touch=True, is_mobile=True)
    page.get_by_role("tab", name=tab).tap()
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_phone_edits(open_page, plain_command):
    page = open_page(plain_command, PHONE, has_touch=True, is_mobile=True)
    page.get_by_role("button", name="Try a wordy answer").tap()
    decided(page, "Edited")
    assert "I hope this helps" not in page.get_by_label("Final answer").input_value()


def test_nothing_is_asked_of_other_machines(open_page, command):
    process, address = command
    page = open_page(address)
    page.get_by_role("button", name="Try a rude answer").click()
    decided(page, "Edited")
    for tab in ("Chat", "Compare"):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(300)
    hosts = {url.split("/")[2] for url in page.asked if "://" in url}
    assert hosts == {address.split("/")[2]}
    connections = psutil.Process(process.pid).net_connections("inet")
    assert connections
    for one in connections:
        assert one.laddr.ip == "127.0.0.1"
        assert not one.raddr or one.raddr.ip == "127.0.0.1"


def test_pages_of_other_sites_are_refused(command):
    address = command[1]
    with urllib.request.urlopen(address) as answer:
        assert "default-src 'self'" in answer.headers["content-security-policy"]
    rebound = urllib.request.Request(address, headers={"Host": "attacker.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(rebound)
    with refused.value:
        assert refused.value.code == 400


def test_a_taken_port_is_a_sentence(command):
    port = command[1].rstrip("/").rsplit(":", 1)[1]
    process = start("playground", "--port", port)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert output == ""
    assert errors.startswith("Error: The playground cannot be shown at port")
    assert len(errors.splitlines()) == 1


def test_ctrl_c_ends_it():
    process = start("playground", "--device", "cpu")
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    try:
        _, errors = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == 0
    assert errors.strip().endswith("The playground has ended.")
    assert "Traceback" not in errors
