"""How commands are made: groups of options, help in groups, and what every command has."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import pytest
import typer
from typer.testing import CliRunner

from langchain_metaaligner.cli import app
from langchain_metaaligner.cli.command import add
from langchain_metaaligner.cli.options import AlignerOptions, Objectives, OutputFile
from langchain_metaaligner.cli.terminal import is_quiet, is_verbose


@dataclass(frozen=True, kw_only=True)
class Oven:
    heading: ClassVar = "Oven"

    degrees: Annotated[int, typer.Option(metavar="N", help="How hot.")] = 180


@dataclass(frozen=True, kw_only=True)
class Cake:
    flavour: Annotated[str, typer.Argument(help="Which cake.")]
    tins: Annotated[list[str] | None, typer.Option("--tin", help="Repeatable.")] = None
    oven: Oven


@pytest.fixture
def baked():
    return []


@pytest.fixture
def bakery(baked):
    shop = typer.Typer(rich_markup_mode=None)

    def bake(cake: Cake, fast: Annotated[bool, typer.Option("--fast")] = False) -> None:
        """Bake a cake.

        It takes an hour.
        """
        baked.append((cake, fast, is_quiet(), is_verbose()))

    add(shop, bake, examples=("bakery lemon --degrees 200",))
    return shop


def run(application, *words):
    return CliRunner().invoke(application, list(words), prog_name="metaaligner")


def test_groups_of_options_come_as_what_they_are(bakery, baked):
    done = run(bakery, "lemon", "--degrees", "200", "--tin", "a", "--tin", "b", "--fast")
    assert done.exit_code == 0, done.output
    cake = Cake(flavour="lemon", tins=["a", "b"], oven=Oven(degrees=200))
    assert baked == [(cake, True, False, False)]


def test_what_is_left_out_is_the_default(bakery, baked):
    assert run(bakery, "lemon").exit_code == 0
    assert baked[0][0] == Cake(flavour="lemon", oven=Oven())


@pytest.mark.parametrize(
    ("words", "quiet", "verbose"),
    [((), False, False), (("-q",), True, False), (("-v",), False, True)],
)
def test_every_command_can_be_quiet_or_verbose(bakery, baked, words, quiet, verbose):
    assert run(bakery, "lemon", *words).exit_code == 0
    assert baked[0][2:] == (quiet, verbose)


def test_help_has_groups_and_examples(bakery):
    shown = run(bakery, "--help").output
    order = ["Bake a cake", "Arguments:", "  FLAVOUR", "--fast", "Oven:", "--degrees N", "General:"]
    places = [shown.index(part) for part in [*order, "Examples:\n  bakery lemon --degrees 200"]]
    assert places == sorted(places)
    assert "Usage: metaaligner [OPTIONS] FLAVOUR\n" in shown


def test_a_mistake_is_a_usage_error(bakery):
    done = run(bakery, "lemon", "--degree", "hot")
    assert done.exit_code == 2
    assert "--degrees" in done.output


@pytest.fixture
def editor():
    edited = []
    shop = typer.Typer(rich_markup_mode=None)

    def edit(output: OutputFile, objective: Objectives, aligner: AlignerOptions) -> None:
        edited.append((str(output), objective))

    add(shop, edit)
    return shop, edited


@pytest.mark.parametrize(
    ("words", "output", "objectives"),
    [
        (("-o", "out.csv", "-O", "fair"), "out.csv", ["fair"]),
        (("-o", "fair", "-O", "fair"), "fair", ["fair"]),
    ],
)
def test_o_is_the_output(editor, words, output, objectives):
    shop, edited = editor
    done = run(shop, *words)
    assert done.exit_code == 0, done.output
    assert edited == [(output, objectives)]
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "objectives"),
    [
        (("--output", "o.csv", "-o", "fair", "-o", "harmless"), ["fair", "harmless"]),
        (("--output", "o.csv", "-o", "Short: one sentence"), ["Short: one sentence"]),
        (("--output=o.csv", "-o", "harmles"), ["harmles"]),
    ],
)
def test_o_still_names_an_objective_where_it_cannot_be_the_output(editor, words, objectives):
    shop, edited = editor
    done = run(shop, *words)
    assert done.exit_code == 0, done.output
    assert edited == [("o.csv", objectives)]
    assert f"write -O {objectives[0]}" in done.stderr


def commands():
    for words in ([], ["evaluate"], ["data"]):
        group = typer.main.get_command(app)
        for word in words:
            group = group.commands[word]
        yield words, group
        for name, command in group.commands.items():
            if not hasattr(command, "commands"):
                yield [*words, name], command


@pytest.mark.parametrize(("words", "command"), list(commands()))
def test_all_help_fits_into_eighty_columns(words, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = run(app, *words, "--help").output
    assert shown.startswith(f"Usage: metaaligner{''.join(f' {word}' for word in words)} [OPTIONS]")
    assert [line for line in shown.splitlines() if len(line) > 80] == []
    for parameter in command.params:
        if parameter.param_type_name == "option":
            assert parameter.help, f"{words}: {parameter.name} is not explained"


def test_every_output_is_o_and_every_objective_is_capital_o():
    letters = {"--output": "-o", "--objective": "-O"}
    seen = set()
    for words, command in commands():
        for parameter in command.params:
            for name, letter in letters.items():
                if name in parameter.opts:
                    seen.add((name, *words))
                    assert letter in parameter.opts, words
    assert len(seen) >= 18


def test_version():
    done = run(app, "--version")
    assert done.exit_code == 0
    assert done.output.startswith("metaaligner 0.")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("align Q A --objective h", {"harmless", "helpful", "humor", "honest"}),
        ("align Q A --template U", {"UltraFeedback"}),
        ("align-file a.csv --engine ", {"local", "ray"}),
        ("evaluate imhi out --metric b", {"bleu", "bert-score", "bart-score"}),
        ("eval", {"evaluate"}),
    ],
)
def test_the_shell_completes_names(words, offered):
    env = {
        "_METAALIGNER_COMPLETE": "complete_bash",
        "COMP_WORDS": f"metaaligner {words}",
        "COMP_CWORD": str(len(words.split(" "))),
    }
    shown = CliRunner().invoke(app, [], prog_name="metaaligner", env=env).output
    assert offered <= set(shown.split())
    assert "professional" not in shown.split()
