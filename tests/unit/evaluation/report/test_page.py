"""The report: every figure is told, nothing is run, and the same figures give the same page."""

import json

import pytest

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.evaluation.report.page import as_html, as_markdown, make_report
from langchain_metaaligner.evaluation.results import write_result

TALLY = {
    "wins": 6, "ties": 3, "losses": 1, "identical": 2, "invalid": 2, "errors": 1, "absent": 0,
    "net": 0.5, "net_interval": [0.02, 0.81], "net_different": 0.625,
    "net_different_interval": [0.03, 0.97], "win_rate": 0.6, "interval": [0.31, 0.83],
    "research_ratio": 0.9, "length_controlled": 0.55, "length": 80.0, "other_length": 70.0,
}  # fmt: skip
NASTY = "<script>alert(1)</script> & | \u202e"


@pytest.fixture
def runs(tmp_path):
    judge = {
        "comparisons": {"aligned against golden": {"harmless": TALLY}},
        "gains": {"harmless": {"gain": 0.2, "interval": [0.05, 0.35], "rows": 10}},
        "calls": {
            "asked": 20,
            "errors": 1,
            "tokens_in": 900,
            "tokens_out": 20,
            "failures": {"TimeoutError": 1},
        },
        "rows": 13,
    }
    write_result(tmp_path / "judge", "judge", {"judge": "a:judge", "both_orders": True}, judge, [])
    histogram = [0, 0, 1, 0, 0, 2, 0, 0, 0, 3, 0]
    one = {"n": 6, "mean": 6.5, "interval": [5, 8], "quartiles": [2, 5, 9], "histogram": histogram,
           "invalid": 1, "errors": 0, "absent": 0}  # fmt: skip
    rating = {
        "ratings": {"fair": {"origin_responses": one, "aligned_responses": one}},
        "changes": {"fair": {"mean": 0.5, "interval": [-0.5, 1.5], "rows": 6}},
        "calls": {"asked": 12, "errors": 0, "tokens_in": 1, "tokens_out": 1},
        "rows": 6,
    }
    write_result(tmp_path / "rating", "rating", {"judge": "a:judge"}, rating, [])
    change = {"before": 1.0, "after": 2.0, "golden": None, "change": 1.0, "interval": [0.5, 1.5],
              "improved": 0.75, "worse": 0.25, "rows": 4}  # fmt: skip
    reward = {"rewards": {"helpful": change}, "weighted": None, "absent": 1, "rows": 5}
    rows = [
        {"row": n, "query": NASTY, "origin": f"old {n} {NASTY}", "aligned": f"new {n} {NASTY}",
         "before": {"helpful": 1.0}, "after": {"helpful": float(n)}, "golden": None}
        for n in range(6)
    ]  # fmt: skip
    write_result(tmp_path / "reward", "reward", {"scorer": "a model"}, reward, rows)
    dataset = {
        "rows": 4,
        "left_out": 1,
        "accuracy": 50.0,
        "weighted_f1": 40.0,
        "macro_f1": 30.0,
        "out_of_domain": 1,
        "empty": 1,
        "metrics": {"rougeL": 0.24, "bleu": 9.325},
    }
    agrees = {"pearson": 0.41, "spearman": 0.4, "kendall": None, "n": 121}  # fmt: skip
    imhi = {
        "datasets": {"DR": dataset, "SAD": {"error": "ValueError: rows"}},
        "correlations": {"chatgpt_data": {"rougeL": {"overall": agrees}}},
        "notice": "For research only.",
    }
    write_result(tmp_path / "imhi", "imhi", {"labels": "rules"}, imhi, [])
    edits = [
        {"query": NASTY, "origin_responses": "You fool. Yes.", "aligned_responses": "Yes.",
         "decision": "edited", "reason": None},
        {"query": "q", "origin_responses": "", "aligned_responses": "", "decision": "kept",
         "reason": "empty_draft"},
    ]  # fmt: skip
    path = tmp_path / "out.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in edits))
    return [path, *(tmp_path / name for name in ("judge", "rating", "reward", "imhi"))]


def test_every_kind_is_told(runs):
    page, text = as_html(make_report(runs)), as_markdown(make_report(runs))
    for said in (
        "Of 2 answers 1 was edited",
        "empty_draft",
        "| harmless | edits against golden answers | 6 | 3 | 1 | +50% (+2% to +81%) | better |",
        "| harmless | edits against golden answers | +62% (+3% to +97%) | 2 | 2 | 1 | 0 | 55% |",
        "20 calls, 1 of them failed, 900 tokens read and 20 written. Failures: 1 × TimeoutError.",
        "| DR | 4 | 1 | 50.00 | 40.00 | 30.00 | 1 | 1 | 0.240 | 9.325 |",
        "| chatgpt_data | rougeL | 121 | 0.41 / 0.40 |",
        "changed by +20% (+5% to +35%) with the edit: better, over 10 questions",
        "the rating changed by +0.50",
        "+1.00 (+0.50 to +1.50)",
        "For research only.",
        "ValueError: rows",
        "none",
    ):
        assert said in text, said
        for cell in said.strip("| ").split(" | "):
            assert cell.replace("+", "&#43;") in page or cell in page, cell
    assert page.count("<svg") == 1  # the ratings; bars and intervals are HTML
    head = next(line for line in text.splitlines() if line.startswith("| data set"))
    assert head.endswith("| rougeL | bleu (corpus) |")


def test_texts_are_escaped_and_nothing_is_loaded(runs):
    page = as_html(make_report(runs))
    assert page.count("<script") == 1
    assert "alert(1)" not in page.partition("<script>")[2]
    assert "&lt;script&gt;" in page
    assert "<del>You fool. </del>Yes." in page
    assert 'src="' not in page
    assert "http" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "")


def test_the_same_figures_give_the_same_page(runs):
    assert as_html(make_report(runs)) == as_html(make_report(runs))


@pytest.mark.parametrize("kind", ["nothing", "empty", "unknown", "columns"])
def test_what_is_no_run_is_told(tmp_path, kind):
    folder = tmp_path / "run"
    folder.mkdir()
    runs = [folder]
    if kind == "nothing":
        runs = []
    elif kind == "unknown":
        write_result(folder, "horoscope", {}, {}, [])
    elif kind == "columns":
        runs = [tmp_path / "a.csv"]
        runs[0].write_text("query,answer\na,b\n")
    says = {"nothing": "Give a run", "empty": "holds no result.json", "unknown": "'horoscope'",
            "columns": "It has: query, answer"}  # fmt: skip
    with pytest.raises(DataError, match=says[kind]):
        make_report(runs)


def test_figures_of_another_version_are_told(tmp_path):
    write_result(tmp_path, "judge", {"judge": "j"}, {"rows": 1, "comparisons": {}}, [])
    with pytest.raises(DataError, match=r"another version: 'gains' is absent\. Run the same"):
        make_report([tmp_path])


def test_the_verdict_comes_first(runs):
    page, report = as_html(make_report(runs)), make_report(runs)
    assert report.verdict == [
        "Judge, rating of 0 to 10: no clear difference on fair.",
        "Reward model: better on helpful.",
    ]
    assert page.index(report.verdict[1]) < page.index("What was run") < page.index("20 calls")


def test_a_page_without_an_evaluation_says_so(runs):
    assert "No judge and no reward model" in as_html(make_report(runs[:1]))


def test_every_answer_is_on_the_page_up_to_a_number(runs):
    page = as_html(make_report(runs[:1]))
    assert page.count('<details class="row"') == 2
    assert 'data-kinds="kept|kept: empty_draft"' in page
    short = make_report(runs[:1], rows=1)
    assert (len(short.rows), short.total) == (1, 2)
    assert "The first 1 of 2" in as_html(short)


def test_the_price_of_a_judge(runs):
    assert "900 tokens read (about 0.01 to ask)" in as_markdown(make_report(runs, price=10.0))
    assert "to ask" not in as_markdown(make_report(runs))


def test_when_and_with_what_it_was_made(runs):
    (judged,) = [run for run in make_report(runs).runs if run.kind == "judge"]
    assert judged.facts["judge"] == "a:judge"
    assert judged.facts["langchain-metaaligner"].startswith("0.")
    assert len(judged.facts["written"]) == len("2026-01-01")
