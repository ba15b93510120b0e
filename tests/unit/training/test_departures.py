"""Where an edit departs from its draft, and what those tokens weigh."""

import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from langchain_metaaligner.errors import RecipeError
from langchain_metaaligner.models.spec import MINI_FOLDER
from langchain_metaaligner.templates import EditTemplate
from langchain_metaaligner.training import load_recipe
from langchain_metaaligner.training.departures import departure_weights, departures
from langchain_metaaligner.training.examples import tokenise

END = 0
IDS = st.lists(st.integers(1, 5), max_size=12).map(lambda ids: [*ids, END])


@given(IDS, IDS)
def test_a_copy_departs_nowhere_and_another_text_somewhere(draft, edit):
    assert departures(draft, draft) == []
    found = departures(draft, edit)
    assert bool(found) == (draft != edit)
    if found:  # up to there it is a copy
        assert edit[: found[0]] == draft[: found[0]]


@given(IDS, IDS, st.floats(0.1, 50))
def test_weights_are_one_on_average(draft, edit, weight):
    weights = departure_weights(draft, edit, weight)
    assert sum(weights) == pytest.approx(len(edit))
    for at in departures(draft, edit):
        others = [one for i, one in enumerate(weights) if i not in departures(draft, edit)]
        assert all(weights[at] == pytest.approx(weight * one) for one in others)


def test_rows_have_weights_only_where_they_differ():
    tokenizer = AutoTokenizer.from_pretrained(MINI_FOLDER)
    draft, edit = "Yes, you fool. It rains.", "Yes. It rains."
    prompt = EditTemplate.named("IMHI").format("Why?", draft, ["harmless"])
    pairs = Dataset.from_list([{"prompt": prompt, "completion": edit}])
    assert "weights" not in tokenise(pairs, tokenizer, 256).rows.column_names
    row = tokenise(pairs, tokenizer, 256, 5.0).rows[0]
    heaviest = max(row["weights"])
    heavy = [i for i, one in zip(row["input_ids"], row["weights"], strict=True) if one == heaviest]
    assert tokenizer.decode(heavy) == "."
    assert [bool(one) for one in row["weights"]] == [bool(one) for one in row["completion_mask"]]


def test_weights_and_packing_exclude_each_other(tmp_path):
    text = "base: b\noutput: o\ntemplate: IMHI\nstages: {equal: {train: t}}\npacking: true\n"
    (tmp_path / "recipe.yaml").write_text(text + "departure_weight: 4\n")
    with pytest.raises(RecipeError, match=r"departure_weight=4\.0 and packing=true"):
        load_recipe(tmp_path / "recipe.yaml")
