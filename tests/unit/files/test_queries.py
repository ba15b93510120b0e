"""The query sets of the research, by name and file."""

import pytest

from langchain_metaaligner.errors import DataError, SettingError
from langchain_metaaligner.files.queries import QUERY_SETS, query_files, query_set


@pytest.mark.parametrize("name", [*QUERY_SETS, "HH-RLHF", "UltraFeedback", "IMHI"])
def test_names_in_any_case(name):
    assert query_set(name) is QUERY_SETS[name.lower()]


def test_an_unknown_one_is_named_with_its_neighbour():
    with pytest.raises(SettingError, match=r"'imih' is unknown\. Did you mean 'imhi'"):
        query_set("imih")


def test_files_of_a_folder_in_order(tmp_path):
    for name in ("b.csv", "a.csv", "notes.txt"):
        (tmp_path / name).touch()
    names = [path.name for path in query_files(tmp_path, query_set("imhi"))]
    assert names == ["a.csv", "b.csv"]
    assert query_files(tmp_path / "b.csv", query_set("hh-rlhf")) == [tmp_path / "b.csv"]


@pytest.mark.parametrize(
    ("dataset", "wanted"), [("imhi", "a folder of CSV files"), ("hh-rlhf", "a CSV file")]
)
def test_nothing_to_read(tmp_path, dataset, wanted):
    with pytest.raises(DataError, match=f"nothing to read at .* Give {wanted}"):
        query_files(tmp_path, query_set(dataset))
