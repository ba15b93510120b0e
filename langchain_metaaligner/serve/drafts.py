"""Which draft stands in an edit prompt that a client has made."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_metaaligner.templates import EditTemplate


def draft_in(prompt: str, template: EditTemplate) -> str | None:
    """The draft in an edit prompt, as it stands there; None where the prompt is none.

    Drafts are disarmed when a prompt is made, so that the last mark before the end is the
    template's own. In a prompt that somebody has written otherwise, a wrong draft costs some
    guesses.

    >>> template = EditTemplate.named("UltraFeedback")
    >>> draft_in(template.format("Why?", "Just so.", ["honest"]), template)
    'Just so.'
    >>> draft_in("Once upon a time", template)
    """
    before, _, end = template.better.partition("{answer}")
    mark = before.rpartition("}")[2]
    if not mark or not end or not prompt.endswith(end):
        return None
    _, found, draft = prompt.removesuffix(end).rpartition(mark)
    return draft if found else None


def drafts_in(prompts: Sequence[str], template: EditTemplate) -> dict[str, str]:
    """The drafts by prompt, of those prompts that are edit prompts."""
    drafts = {prompt: draft_in(prompt, template) for prompt in prompts}
    return {prompt: draft for prompt, draft in drafts.items() if draft}
