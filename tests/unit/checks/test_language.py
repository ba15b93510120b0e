import pytest

from langchain_metaaligner.checks import LanguageKept
from langchain_metaaligner.errors import SettingError

pytest.importorskip("py3langid", reason="pip install 'langchain-metaaligner[checks]'")

TEXTS = {
    "en": (
        "Soak the beans overnight, and cook them for an hour without salt.",
        "You are too lazy to do even that.",
        "Please ask me again if anything is unclear to you.",
    ),
    "de": (
        "Weichen Sie die Bohnen über Nacht ein und kochen Sie sie eine Stunde ohne Salz.",
        "Sie sind ja sogar dafür zu faul.",
        "Bitte fragen Sie noch einmal nach, wenn Ihnen etwas unklar ist.",
    ),
    "fr": (
        "Faites tremper les haricots toute la nuit, puis cuisez-les une heure sans sel.",
        "Vous êtes trop paresseux même pour cela.",
        "N'hésitez pas à me poser une autre question si quelque chose n'est pas clair.",
    ),
    "es": (
        "Deje las judías en remojo toda la noche y cuézalas una hora sin sal.",
        "Usted es demasiado vago hasta para eso.",
        "Pregúnteme de nuevo si algo no le queda claro, por favor.",
    ),
    "it": (
        "Lasciate i fagioli in ammollo tutta la notte e cuoceteli per un'ora senza sale.",
        "Siete troppo pigri anche per questo.",
        "Chiedetemi pure di nuovo se qualcosa non vi è chiaro.",
    ),
    "pl": (
        "Namocz fasolę przez noc i gotuj ją przez godzinę bez soli.",
        "Jesteś na to zbyt leniwy.",
        "Zapytaj mnie ponownie, jeśli coś jest dla ciebie niejasne.",
    ),
    "ru": (
        "Замочите фасоль на ночь и варите её час без соли.",
        "Вы слишком ленивы даже для этого.",
        "Пожалуйста, спросите меня ещё раз, если что-то непонятно.",
    ),
    "zh": (
        "把豆子泡一夜，然后不加盐煮一个小时。",
        "你连这个都懒得做。",
        "如果有什么不清楚的地方，请再问我一次。",
    ),
    "ja": (
        "豆を一晩水に浸してから、塩を入れずに一時間煮てください。",
        "あなたはそれすら面倒くさがります。",
        "わからないことがあれば、もう一度聞いてください。",
    ),
    "ar": (
        "انقع الفاصوليا طوال الليل ثم اطبخها ساعة واحدة بدون ملح.",
        "أنت كسول جدا حتى بالنسبة لهذا.",
        "من فضلك اسألني مرة أخرى إذا كان هناك شيء غير واضح.",
    ),
}

SURE = LanguageKept()


@pytest.mark.parametrize("language", TEXTS)
def test_an_edit_in_the_language_of_the_draft(language):
    soak, lazy, ask = TEXTS[language]
    assert SURE(f"{soak} {lazy}", f"{soak} {ask}") is None
    assert SURE(f"{soak} {lazy}", ask) is None


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("other", TEXTS)
def test_an_edit_in_another_language(language, other):
    if language == other:
        return
    soak, lazy, _ = TEXTS[language]
    translated, _, ask = TEXTS[other]
    assert SURE(f"{soak} {lazy}", f"{translated} {ask}").reason == "language"
    refusal = SURE(f"{soak} {lazy}", f"{soak} {ask}")
    assert refusal.reason == "language"
    assert f"in {other}; the draft is in {language}." in refusal.detail


def test_what_does_not_count():
    draft = "Weichen Sie die Bohnen über Nacht ein, Sie Faulpelz."
    edit = (
        "Weichen Sie die Bohnen über Nacht ein. Siehe https://www.how-to-cook-all-the-beans.org.\n"
        "```\n# this is a comment in the English language\n```\nOkay!"
    )
    assert SURE(draft, edit) is None
    assert SURE("42", "The answer is forty-two, and that is all that I can say.") is None


def test_a_draft_in_two_languages():
    (soak, _, ask), (german, *_) = TEXTS["en"], TEXTS["de"]
    assert SURE(f"{soak}\n{german}", f"{german} {ask}") is None
    assert SURE(f"{soak}\n{german}", TEXTS["fr"][0]).reason == "language"


def test_a_detector_of_ones_own():
    check = LanguageKept(detect=lambda text: "b" if "b" in text else None)
    assert check("b", "abc") is None
    assert check("a", "b") is None
    assert LanguageKept(detect=lambda text: text[0])("a", "b").reason == "language"


def test_no_detector():
    with pytest.raises(SettingError, match="detect='de'"):
        LanguageKept(detect="de")


def test_the_draft_again_is_fine(hostile):
    assert SURE(hostile, hostile) is None
