"""What a request may choose: the objectives that an aligner takes from its callers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from langchain_metaaligner.errors import ObjectiveError, nearest
from langchain_metaaligner.objectives import (
    KNOWN,
    Objective,
    distinct_objectives,
    parse_objectives,
    same_name,
)


def requested_objectives(
    value: Any, own: Iterable[Objective], allowed: str | Iterable[Objective]
) -> tuple[Objective, ...]:
    """The objectives that a request asks for, as far as an aligner lets requests choose.

    Args:
        value: what the request gives.
        own: the aligner's own objectives, which a request may always name.
        allowed: "named" (known names, and those of the aligner's own), "any" (texts too), "none",
            or those that may be named.

    Raises:
        ObjectiveError: as `distinct_objectives`; if the request may not ask for that.

    >>> requested_objectives(["fair"], [], "named")[0].name
    'fair'
    """
    if allowed == "any":
        return distinct_objectives(value)
    if allowed == "none":
        raise ObjectiveError(
            f"A request asks for the objectives {value!r:.200}, and this aligner takes none from "
            'requests. To allow it, use request_objectives="named".'
        )
    menu = {same_name(known.name): known for known in KNOWN.values()} if allowed == "named" else {}
    extra = own if isinstance(allowed, str) else allowed
    menu |= {same_name(more.name): more for more in extra}
    if isinstance(value, Objective | str) or not isinstance(value, Iterable):
        return parse_objectives(value)
    if isinstance(value, Mapping):
        value = parse_objectives(value)
    return distinct_objectives([_offered(name, menu) for name in value])


def _offered(value: Any, menu: Mapping[str, Objective]) -> Objective:
    objective = menu.get(same_name(value)) if isinstance(value, str) else value
    if isinstance(objective, Objective) and objective in menu.values():
        return objective
    names = [objective.name for objective in menu.values()]
    raise ObjectiveError(
        f"A request asks for the objective {value!r:.200}, which this aligner does not offer."
        f"{nearest(str(value), names)} A request may name: {', '.join(names)}. "
        'To allow texts of its own, use request_objectives="any".'
    )
