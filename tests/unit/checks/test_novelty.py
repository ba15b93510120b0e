import pickle

import pytest

from langchain_metaaligner.checks import NothingNew
from langchain_metaaligner.checks.novelty import names, numbers, urls
from langchain_metaaligner.errors import SettingError

QUESTION = "When does the library in Graz open, and how do I reach it?"
CONTEXT = (
    "Opening hours: 9:00 to 18:30, closed on Mondays. Call 0316 877-1200.",
    "The reading room was given by Anna Leitner in 1,906. See https://www.library.example/hours.",
)
DRAFT = "It opens at nine, as anyone can read. Write to info@library.example if you must."


def reason(edit, *facts, draft=DRAFT, question=QUESTION, context=CONTEXT):
    refusal = NothingNew(*facts)(draft, edit, question, context)
    return refusal and (refusal.reason, refusal.detail)


@pytest.mark.parametrize(
    ("edit", "new"),
    [
        (DRAFT, None),
        ("It opens at 9:00 and closes at 18:30.", None),
        ("It opens at 9.", None),
        ("1. Go there at nine.\n2. Read.", None),
        ("The room dates from 1906.", None),
        ("Call 0316 877-1200.", None),
        ("It opens at 10.", "'10'"),
        ("It opens at ten.", "'ten'"),
        ("It closes at 18:45 on day 7.", "'18:45', '7'"),
        ("It opens at ９.", None),
        ("It opens at ٩.", None),
        ("It opens at ٨.", "'٨'"),
    ],
)
def test_numbers(edit, new):
    expected = new and ("new_numbers", f"The edit has new numbers: {new}.")
    assert reason(edit, "numbers") == expected


@pytest.mark.parametrize(
    ("draft", "edit", "new"),
    [
        ("It costs 1,000 euros.", "It costs 1000 euros.", False),
        ("It costs 1000 euros.", "It costs 1 000 euros.", True),
        ("It costs 1.000 euros.", "It costs 1,000 euros.", False),
        ("It weighs 10.5 kg.", "It weighs 105 kg.", True),
        ("It weighs 10,5 kg.", "It weighs 10.5 kg.", False),
        ("Take two.", "Take 2.", False),
        ("Take 12.", "Take a dozen.", False),
        ("Version 1.2.3 is out.", "Version 1.2.4 is out.", True),
        ("See www.a.org/2024.", "It is from 2024.", True),
    ],
)
def test_numbers_by_their_value(draft, edit, new):
    assert (NothingNew("numbers")(draft, edit) is not None) == new


@pytest.mark.parametrize(
    ("edit", "new"),
    [
        ("The library in Graz opens at nine.", None),
        ("Anna Leitner gave the room.", None),
        ("Please write, and I will help. Thanks!", None),
        ("It is closed on Mondays.", None),
        ("The library in Vienna opens at nine.", "'Vienna'"),
        ("Ask for Mr. Okafor at the desk.", "'Mr. Okafor'"),
        ("Maria Theresa gave the room.", "'Theresa'"),
        ("Ask Dr. Okafor, St. Pauls or Mary-Ann.", "'Dr. Okafor', 'St. Pauls', 'Mary-Ann'"),
        ("It was built by the Austrian Library Society.", "'Austrian Library Society'"),
        ('It says: "Welcome to Graz."', None),
        ("**Note:** it opens at nine.", None),
        ("- Wash it.\n- Dry it.", None),
    ],
)
def test_names(edit, new):
    expected = new and ("new_names", f"The edit has new names: {new}.")
    assert reason(edit, "names") == expected


def test_a_recogniser_of_ones_own():
    cities = ("Wien", "Graz")
    check = NothingNew("names", recognise=lambda text: [c for c in cities if c in text])
    assert check("In Graz gibt es Brot.", "In Graz gibt es gutes Brot.") is None
    assert check("In Graz gibt es Brot.", "In Wien gibt es Brot.").reason == "new_names"


@pytest.mark.parametrize(
    ("edit", "new"),
    [
        ("See library.example/hours.", None),
        ("See http://library.example/hours/.", None),
        ("Write to info@library.example.", None),
        ("See https://library.example/prices", "'https://library.example/prices'"),
        ("Write to help@library.example.", "'help@library.example'"),
        ("See graz-library.com, or www.graz.at!", "'graz-library.com', 'www.graz.at'"),
        ("Wash it cold.Dry it flat, e.g. on a towel.", None),
    ],
)
def test_urls(edit, new):
    expected = new and ("new_urls", f"The edit has new urls: {new}.")
    assert reason(edit, "urls") == expected


def test_all_of_them_where_none_is_named():
    assert NothingNew() == NothingNew("numbers", "names", "urls")
    for edit in ("At 11.", "Ask for Vera.", "See a.com."):
        assert reason(edit) is not None
    assert pickle.loads(pickle.dumps(NothingNew("urls"))) == NothingNew("urls")


def test_what_is_found():
    assert numbers("1) One of 3\n- 2. half a dozen") == ["3", "dozen"]
    assert names("I think that IBM and the UN agree. So does she.") == ["IBM", "UN"]
    assert urls("(https://a.org/b_(c).)") == ["https://a.org/b_(c"]


@pytest.mark.parametrize("fact", ["numbres", "dates", ["urls"]])
def test_no_such_fact(fact):
    with pytest.raises(SettingError, match="It knows: numbers, names, urls"):
        NothingNew(fact)


def test_the_draft_again_is_fine(hostile):
    assert NothingNew()(hostile, hostile) is None
