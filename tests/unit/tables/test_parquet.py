"""Parquet: types that hold every value, and columns that stay what they were."""

import datetime
import decimal

import pyarrow
import pyarrow.parquet
import pytest

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.tables.parquet import (
    parquet_columns,
    parquet_rows,
    widest_types,
    write_beside,
    write_parquet,
)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2], "int64"),
        ([1, 2.5], "double"),
        ([2**60, 2.5], "string"),  # a float would round it
        ([1, "one"], "string"),
        ([None, None], "string"),
        ([True, None], "bool"),
        ([2**70], "string"),
        ([[1], [2.5]], "list<item: double>"),
    ],
)
def test_the_narrowest_type_that_holds_all(values, kind):
    types = widest_types([{"x": value} for value in values], ["x"])
    assert str(types["x"]).replace("element", "item") == kind


def test_a_type_that_changes_after_the_first_batch(tmp_path):
    rows = [{"x": number} for number in range(1500)] + [{"x": "late"}]
    types = widest_types(rows, ["x"])
    path = tmp_path / "a.parquet"
    assert write_parquet(path, types, rows) == 1501
    back = [row["x"] for row in parquet_rows(path, ["x"])]
    assert back == [*map(str, range(1500)), "late"]


def test_columns_beside_a_source_leave_its_own_alone(tmp_path):
    source, path = tmp_path / "a.parquet", tmp_path / "b.parquet"
    table = pyarrow.table(
        {
            "on": pyarrow.array([datetime.date(2024, 5, 1), None]),
            "price": pyarrow.array([decimal.Decimal("1.10"), decimal.Decimal("0.05")]),
            "raw": pyarrow.array([b"\x00\xff", b""]),
            "big": pyarrow.array([2**64 - 1, 0], pyarrow.uint64()),
            "reason": ["mine", "too"],
        }
    ).replace_schema_metadata({"owner": "me"})
    pyarrow.parquet.write_table(table, source)
    added = [{"edit": "one", "reason": "ours"}, {"edit": None, "reason": None}]
    assert write_beside(path, source, ["edit", "reason"], added) == 2
    new = pyarrow.parquet.read_table(path)
    assert new.column_names == ["on", "price", "raw", "big", "reason", "edit"]
    for name in ("on", "price", "raw", "big"):
        assert new.column(name).equals(table.column(name))
        assert new.schema.field(name) == table.schema.field(name)
    assert new.column("reason").to_pylist() == ["ours", None]
    assert new.schema.metadata[b"owner"] == b"me"


def test_two_columns_of_one_name_stay_apart(tmp_path):
    path = tmp_path / "a.parquet"
    columns = [pyarrow.array(["a"]), pyarrow.array(["b"])]
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays(columns, names=["x", "x"]), path)
    assert parquet_columns(path) == (("x", "x"), 1)
    assert list(parquet_rows(path, ["x", "x (2)"])) == [{"x": "a", "x (2)": "b"}]


def test_what_is_no_parquet(tmp_path):
    with pytest.raises(DataError, match="There is no file"):
        parquet_columns(tmp_path / "absent.parquet")
    (tmp_path / "a.parquet").write_text("a,b\n")
    with pytest.raises(DataError, match="is no Parquet file"):
        parquet_columns(tmp_path / "a.parquet")
