import pytest

from langchain_metaaligner.edit.disarm import Guard
from langchain_metaaligner.serve.drafts import draft_in, drafts_in
from langchain_metaaligner.templates import TEMPLATES


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=str)
@pytest.mark.parametrize("mode", ["better", "equal"])
def test_the_draft_is_found_in_every_template(template, mode, hostile):
    disarmed = Guard.over([hostile]).disarm(hostile)
    prompt = template.format("Why? | So", disarmed, ["harmless"], mode)
    assert draft_in(prompt, template) == disarmed


def test_other_prompts_have_none():
    template = TEMPLATES["ultrafeedback"]
    prompts = ["Once upon a time", "", " | Edit: ", template.format("Why?", "So.", ["honest"])]
    assert drafts_in(prompts, template) == {prompts[-1]: "So."}
