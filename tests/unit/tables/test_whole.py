"""Files that appear when they are whole."""

import pytest

from langchain_metaaligner.tables.whole import whole_file, write_json


def test_an_error_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")

    def interrupted():
        with whole_file(path) as unfinished:
            unfinished.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["a.txt"]


def test_what_a_killed_run_left_is_no_hindrance(tmp_path):
    (tmp_path / "a.json.part").write_text('{"half')
    write_json(tmp_path / "a.json", {"n": 1, "name": "Zoë"})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "n": 1,\n  "name": "Zoë"\n}\n'
    assert not (tmp_path / "a.json.part").exists()
