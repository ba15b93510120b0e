"""What commands say beside their results."""

import logging

import pytest

from langchain_metaaligner.cli.terminal import (
    console,
    counted_rows,
    detail,
    is_quiet,
    print_json,
    say,
    set_verbosity,
)


@pytest.fixture(autouse=True)
def _plain():
    yield
    set_verbosity()


@pytest.mark.parametrize(
    ("verbosity", "said"),
    [({}, "a\n"), ({"quiet": True}, ""), ({"verbose": True}, "a\nb\n")],
)
def test_sentences_by_verbosity(verbosity, said, capsys):
    set_verbosity(**verbosity)
    say("a")
    detail("b")
    assert capsys.readouterr() == ("", said)


def test_verbose_shows_the_log_once(capsys):
    for _ in range(2):
        set_verbosity(verbose=True)
    logging.getLogger("langchain_metaaligner").debug("reading weights")
    assert capsys.readouterr().err.count("reading weights") == 1
    set_verbosity()
    logging.getLogger("langchain_metaaligner").debug("reading weights")
    assert "reading" not in capsys.readouterr().err


def test_verbose_wins_over_quiet():
    set_verbosity(quiet=True, verbose=True)
    assert not is_quiet()


def test_rows_are_counted_on_standard_error(capsys):
    with counted_rows("drafts.csv", 3) as advance:
        advance(2)
        advance(1)
    out, err = capsys.readouterr()
    assert out == ""
    assert "drafts.csv" in err
    assert "3/3" in err


def test_an_interrupted_count_says_how_to_go_on(capsys):
    def interrupted():
        with counted_rows("a", 9, "Run it again.") as advance:
            advance(2)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert "2 rows were done. Run it again." in capsys.readouterr().err


def test_quiet_counts_nothing(capsys):
    set_verbosity(quiet=True)
    with counted_rows("drafts.csv", 1) as advance:
        advance(1)
    console().print("a table")
    assert capsys.readouterr() == ("", "")


def test_json_keeps_letters(capsys):
    print_json({"draft": "Grüße", "output": None})
    assert capsys.readouterr().out == '{\n  "draft": "Grüße",\n  "output": null\n}\n'
