"""What reward models say of edits."""

from langchain_metaaligner.evaluation.report.rewarded import reward_sections
from langchain_metaaligner.evaluation.results import write_result


def test_changes_with_their_verdicts(tmp_path):
    up = {"before": 1.0, "after": 2.0, "golden": None, "change": 1.0, "interval": [0.5, 1.5],
          "improved": 0.5, "worse": 0.25, "rows": 4}  # fmt: skip
    down = {**up, "change": -1.0, "interval": [-1.5, -0.5]}
    figures = {"rewards": {"helpful": up, "fair": down}, "weighted": None, "absent": 1, "rows": 5}
    (section,) = reward_sections(write_result(tmp_path, "reward", {"scorer": "m"}, figures, []))
    assert section.rows[0] == [
        "helpful", "1.00", "2.00", "none", "+1.00 (+0.50 to +1.50)", "better", "50%", "25%", "4",
    ]  # fmt: skip
    assert [finding.verdict for finding in section.findings] == ["better", "worse"]
    assert all(point.reach >= 1.5 for point in section.changes)
