"""What a request may choose."""

import pytest

from langchain_metaaligner.edit.requests import requested_objectives
from langchain_metaaligner.errors import ObjectiveError
from langchain_metaaligner.objectives import Objective


def test_a_request_may_name_what_is_offered():
    own = Objective("kind", "be kind")
    assert requested_objectives(["KIND", "IF"], [own], "named")[0] == own
    assert requested_objectives(["Evil: be rude"], [], "any")[0].name == "Evil"
    mine = Objective("fair", "be just to me")
    assert requested_objectives(["Fairness"], [mine], "named") == (mine,)
    for value, allowed in (
        (["evil: be rude"], "named"),
        ({"fair": "Fair: be rude"}, "named"),
        ([own], "named"),
        (["fair"], "none"),
        (["fair"], (own,)),
        ("fair", "named"),
        (3, "named"),
    ):
        with pytest.raises(ObjectiveError):
            requested_objectives(value, [], allowed)
    with pytest.raises(ObjectiveError, match="Did you mean 'fair'"):
        requested_objectives(["fiar"], [], "named")
