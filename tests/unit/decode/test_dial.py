"""The dial: near ties go as the draft does, whichever way the edit is decoded."""

import json
import shutil

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from langchain_metaaligner import AlignerLLM, MetaAlignerRunnable
from langchain_metaaligner.decode.dial import DialProcessor, Place, dialled, foretold
from langchain_metaaligner.errors import CheckpointError, SettingError
from langchain_metaaligner.models.spec import MINI_FOLDER
from langchain_metaaligner.templates import EditTemplate
from langchain_metaaligner.testing import FakeAlignerLLM

END = 0
IDS = st.lists(st.integers(1, 6), min_size=1, max_size=12)


def follow(draft, tokens):
    place = Place([*draft, END])
    for token in tokens:
        place.follow(token)
    return place


@given(IDS)
def test_a_copy_is_followed_to_its_end(draft):
    assert foretold(Place([*draft, END]), draft) == [*draft, END]
    assert follow(draft, [*draft, END]).next is None


def test_what_was_taken_out_is_never_pulled_back():
    # 3 stands in the passage that goes (2 3 4) and behind it: after it alone nothing is sure.
    draft = [1, 2, 3, 4, 3, 5, 6]
    assert follow(draft, [1, 3]).next is None
    assert follow(draft, [1, 3, 5]).next == 6
    assert follow(draft, [1, 5]).next == 6  # once in the draft


def test_words_of_the_model_s_own_leave_it_alone():
    assert follow([1, 2, 3], [1, 9]).next is None
    assert follow([1, 2, 3], [1, 9, 9, 3]).next == END


@given(IDS, st.lists(st.integers(1, 8), max_size=12), st.lists(st.integers(1, 8), max_size=6))
def test_guesses_change_nothing(draft, made, guesses):
    place = follow(draft, made)
    told = foretold(place, guesses)
    assert told == [follow(draft, [*made, *guesses[:n]]).next for n in range(len(guesses) + 1)]
    assert place.next == told[0]


def test_the_favoured_token_is_taken_within_the_caution():
    logits = torch.tensor([[0.0, 2.0, 1.0], [0.0, 2.0, 1.0], [5.0, 2.0, 1.0]])
    assert dialled(logits, [2, 2, None], [1.0, 0.99, 50.0]).tolist() == [2, 1, 0]
    assert dialled(logits, [2, None, 1], [0.0] * 3).tolist() == [1, 1, 0]
    assert dialled(logits.half(), [2, 0, 1], [1.0, 2.0, 3.0]).tolist() == [2, 0, 1]


@pytest.mark.parametrize("caution", [0.0, 0.7, 3.0])
def test_the_processor_takes_the_same_tokens(caution):
    torch.manual_seed(0)
    draft = [3, 4, 5, 4, 6, END]
    table = torch.randn(8, 8) * 2  # logits by the token before
    place, made = Place(draft), [7]
    for _ in range(10):
        token = int(dialled(table[made[-1:]], [place.next], [caution]))
        place.follow(token)
        made.append(token)
    processor = DialProcessor([Place(draft), Place(draft)], [caution, caution], 1)
    row = torch.tensor([[7], [7]])
    for _ in range(10):
        taken = processor(row, table[row[:, -1]]).argmax(-1, keepdim=True)
        row = torch.cat((row, taken), 1)
    assert row.tolist() == [made, made]


DRAFTS = [
    ("You idiot. Cats sleep a lot. They do so at any time of the day.", ["harmless"]),
    ("gonna be honest, cats sleep a lot!!! They hunt at dusk.", ["professional", "length"]),
    ("Cats sleep a lot. Cats sleep a lot. They hunt at dusk.", ["repeat"]),
]
PROMPTS = [
    EditTemplate.named("UltraFeedback").format("What do cats do?", draft, objectives)
    for draft, objectives in DRAFTS
]


def edits(**options):
    llm = AlignerLLM(model="mini", device="cpu", **options)
    rows = zip(PROMPTS, DRAFTS, strict=True)
    return [llm.invoke(prompt, draft=draft) for prompt, (draft, _) in rows]


@pytest.mark.parametrize("caution", [0.0, 1.0, 4.0, 9.0])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_lookup_and_greedy_decoding_turn_at_the_same_places(caution, dtype):
    options = {"caution": caution, "dtype": dtype, "batch_size": 1}
    assert edits(decoding="lookup", **options) == edits(decoding="greedy", **options)


def test_it_trades_edits_for_drafts():
    drafts = [draft for draft, _ in DRAFTS]
    assert edits() == edits(caution=0)
    assert edits() != drafts
    assert edits(caution=1000) == edits(caution=1000, decoding="greedy") == drafts


def test_it_is_not_for_sampling():
    sampling = {"do_sample": True, "top_k": 1}
    assert edits(caution=1000, generation=sampling) == edits(decoding="greedy")


def test_the_checkpoint_has_its_own(tmp_path):
    folder = shutil.copytree(MINI_FOLDER, tmp_path / "copy")
    told = json.loads((folder / "metaaligner.json").read_text())
    (folder / "metaaligner.json").write_text(json.dumps({**told, "caution": 1000}))
    prompt, (draft, objectives) = PROMPTS[0], DRAFTS[0]
    assert AlignerLLM(model=str(folder)).invoke(prompt, draft=draft) == draft
    assert AlignerLLM(model=str(folder), caution=0).invoke(prompt, draft=draft) != draft
    aligner = MetaAlignerRunnable(objectives=objectives, model=str(folder), caution=0)
    assert aligner.align("What do cats do?", draft).decision == "edited"
    (folder / "metaaligner.json").write_text(json.dumps({**told, "caution": "much"}))
    llm = AlignerLLM.from_pretrained(str(folder), dtype="bfloat16")  # another copy of the weights
    with pytest.raises(CheckpointError, match=r"caution='much'.*number from 0 on"):
        llm.invoke(prompt)


@pytest.mark.parametrize("caution", [-1, float("nan"), float("inf"), "high"])
def test_values_that_cannot_work(caution):
    with pytest.raises(SettingError, match="caution"):
        AlignerLLM(model="mini", caution=caution)


def test_it_is_no_option_of_other_models():
    with pytest.raises(SettingError, match=r"AlignerLLM\(caution"):
        MetaAlignerRunnable(objectives=["fair"], llm=FakeAlignerLLM(str), caution=1)
