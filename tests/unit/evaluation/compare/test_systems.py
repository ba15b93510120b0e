"""Systems side by side: wins, rewards, time, and what is refused."""

import csv
import json

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from langchain_metaaligner.errors import DataError, SettingError
from langchain_metaaligner.evaluation.compare.judged import judged_wins
from langchain_metaaligner.evaluation.compare.pareto import front, plot_fronts
from langchain_metaaligner.evaluation.compare.systems import compare, training_seconds
from langchain_metaaligner.evaluation.compare.table import (
    comparison_columns,
    comparison_markdown,
)
from langchain_metaaligner.evaluation.judge.ask import Judge
from langchain_metaaligner.evaluation.report.page import make_report
from langchain_metaaligner.evaluation.results import read_result

QUERIES = ["How do I keep tea?", "How do I keep bread?", "How do I keep a coat?", "And rice?"]
GOLDENS = ["Dry!", "Cool!", "Hung.", "Dry."]


def write(path, answers, column="generated_text", queries=QUERIES, goldens=GOLDENS):
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["query", "goldens", column])
        rows.writerows(zip(queries, goldens, answers, strict=True))
    return path


def longer(pairs):
    return [float(len(text)) for _, text in pairs]


def merrier(pairs):
    return [float(text.count("!")) for _, text in pairs]


SCORERS = {"helpful": longer, "humor": merrier}


@pytest.fixture
def files(tmp_path):
    return {
        "policy": write(tmp_path / "policy.csv", ["Dry it!", "Cool!", "x", "A jar."]),
        "sft": write(tmp_path / "sft.csv", ["", "In a box!!", "Hung up!", " \n"]),
        "aligner": write(
            tmp_path / "a.csv",
            ["Dry it!!", "Cool box!!", "Hung up!", "A jar!"],
            "aligned_responses",
        ),
    }


def test_wins_are_strict_and_empty_answers_lose(files, tmp_path):
    result = compare(files, SCORERS, tmp_path / "out")
    assert result == read_result(tmp_path / "out")
    policy, sft = result.figures["systems"]["policy"], result.figures["systems"]["sft"]
    assert policy["win"] == {"helpful": 0.5, "humor": 0.0}
    assert policy["tie"] == {"helpful": 0.25, "humor": 1.0}
    assert policy["lose"] == {"helpful": 0.25, "humor": 0.0}
    assert policy["win_mean"] == 0.25
    low, high = policy["interval"]["helpful"]
    assert (low, high) == pytest.approx((0.150, 0.850), abs=1e-3)  # Wilson, 2 of 4
    assert (sft["empty"], sft["rows"]) == (2, 4)
    assert sft["lose"]["helpful"] == 0.5
    assert sft["reward"] == {"helpful": 9.0, "humor": 1.5}
    assert sft["reward_mean"] == 5.25
    assert result.figures["golden"]["reward"] == {"helpful": 4.5, "humor": 0.5}
    row = next(result.rows())
    assert row["query"] == QUERIES[0]
    assert row["answers"]["aligner"] == {
        "text": "Dry it!!", "scores": {"helpful": 8.0, "humor": 2.0},
    }  # fmt: skip
    assert row["answers"]["sft"] == {"text": "", "scores": {}}


def test_a_stopped_run_scores_only_the_rest(files, tmp_path):
    whole = compare(files, SCORERS, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        compare(files, {"helpful": longer, "humor": _raises}, tmp_path / "out")
    resumed = compare(files, {"helpful": _raises, "humor": merrier}, tmp_path / "out")
    assert resumed.figures == whole.figures
    assert list(resumed.rows()) == list(whole.rows())


def _raises(pairs):
    raise KeyboardInterrupt


def test_the_time_of_all_that_was_trained_before_counts(files, tmp_path):
    def trained(name, **told):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metaaligner.json").write_text(json.dumps(told))
        return str(tmp_path / name)

    sft = trained("sft", base="some/chat-model", device_seconds={"cuda": 100.0})
    trained("cdpo", base=sft, device_seconds={"cuda": 10.0, "cpu": 1.0})
    reward = trained("reward", device_seconds={"cpu": 5.0})
    both = {"harmless": reward, "humor": "some/hub-model"}
    trained("morlhf", base="some/chat-model", rewards=both, device_seconds={"cuda": 7.0})
    assert training_seconds(tmp_path / "cdpo") == {"cuda": 110.0, "cpu": 1.0}
    assert training_seconds(tmp_path / "morlhf") == {"cuda": 7.0, "cpu": 5.0}
    result = compare(files, SCORERS, tmp_path / "out", models={"sft": tmp_path / "cdpo"})
    assert result.figures["systems"]["sft"]["seconds"] == {"cuda": 110.0, "cpu": 1.0}
    assert result.figures["systems"]["policy"]["seconds"] is None
    table = comparison_markdown(result)
    assert "| 1.0 s CPU, 110.0 s GPU |" in table
    order = [line.split(" | ")[0] for line in table.splitlines()[2:]]
    assert order == ["| policy", "| sft", "| aligner", "| golden"]
    assert "| policy | 50.0 (15–85) | 0.0 (0–49) | 25.0 |" in table
    assert table.splitlines()[-1].startswith("| golden |  |  |  | 4.500 | 0.500 |")
    with pytest.raises(DataError, match=r"holds no metaaligner\.json"):
        training_seconds(tmp_path)


def test_the_front(files, tmp_path):
    points = {"a": (0, 2), "b": (1, 1), "c": (2, 0), "d": (1, 0), "e": (1, 1)}
    assert front(points) == ["a", "b", "e", "c"]
    result = compare(files, SCORERS, tmp_path / "out")
    (path,) = plot_fronts(result)
    assert path.name == "pareto-helpful-humor.svg"
    drawn = path.read_text()
    for text in ("policy", "sft", "aligner", "golden"):
        assert f"<!-- {text} -->" in drawn


def test_files_that_do_not_fit_are_refused(files, tmp_path):
    other = write(tmp_path / "b.csv", ["a"] * 4, queries=[*QUERIES[:3], "What?"])
    with pytest.raises(DataError, match=r"Row 4 of policy\.csv and of b\.csv has another query"):
        compare({"policy": files["policy"], "b": other}, SCORERS, tmp_path / "out")
    short = write(tmp_path / "c.csv", ["a"], queries=QUERIES[:1], goldens=GOLDENS[:1])
    with pytest.raises(DataError, match=r"policy\.csv has 4 rows, c\.csv has 1"):
        compare({"policy": files["policy"], "c": short}, SCORERS, tmp_path / "out")
    unnamed = write(tmp_path / "d.csv", ["a"] * 4, "output")
    with pytest.raises(DataError, match=r"columns query, goldens, output\. The answers are in"):
        compare({"d": unnamed}, SCORERS, tmp_path / "out")
    bare = write(tmp_path / "e.csv", ["a"] * 4, goldens=["", *GOLDENS[1:]])
    with pytest.raises(DataError, match=r"e\.csv, row 1: there is no golden answer"):
        compare({"e": bare}, SCORERS, tmp_path / "out")
    with pytest.raises(DataError, match=r"There is no .*none\.csv"):
        compare({"n": tmp_path / "none.csv"}, SCORERS, tmp_path / "out")


def test_scorers_that_fail_and_settings_that_cannot_work(files, tmp_path):
    scorers = {"humor": lambda pairs: [float("nan")] * len(pairs)}
    with pytest.raises(DataError, match=r"The reward of humor gave \[nan"):
        compare(files, scorers, tmp_path / "out")
    with pytest.raises(SettingError, match="objectives: none"):
        compare(files, {}, tmp_path / "out")
    with pytest.raises(SettingError, match="models of no system: cdpo"):
        compare(files, SCORERS, tmp_path / "out", models={"cdpo": tmp_path})


class LongerIsBetter(BaseChatModel):
    """Names the longer of two responses."""

    @property
    def _llm_type(self):
        return "longer"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        first, _, second = messages[-1].text.partition("RESPONSE 1: ")[2].partition("RESPONSE 2: ")
        one, other = first.rpartition("\n |")[0], second.partition("\nConsider")[0]
        reply = "0" if len(one) == len(other) else "1" if len(one) > len(other) else "2"
        return ChatResult(generations=[ChatGeneration(message=AIMessage(reply))])


def test_a_judge_compares_beside_the_reward_models(files, tmp_path):
    judge = Judge(LongerIsBetter(), "longer")
    judged = judged_wins(files, ["helpful"], judge, tmp_path / "out")
    result = compare(files, SCORERS, tmp_path / "out", judged=judged)
    systems = result.figures["systems"]
    tally = systems["policy"]["judged"]["helpful"]
    assert (tally["wins"], tally["ties"], tally["losses"]) == (2, 1, 1)
    assert systems["sft"]["judged"]["helpful"]["absent"] == 2
    table = comparison_markdown(result)
    assert "| helpful judged |" in table
    assert "| 2/1/1: +25.0 (-47 to +81) |" in table
    (section,) = make_report([tmp_path / "out"]).sections
    assert section.headings == ["", "policy", "sft", "aligner", "golden"]
    assert [row[0] for row in section.rows][:3] == comparison_columns(result)[1:4]
    (front,) = section.plots
    assert section.outcomes[0].label == "policy: helpful"
    assert "Mean rewards for helpful and humor" in front[1]
