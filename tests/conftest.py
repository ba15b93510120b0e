"""Options and fixtures that all tests share."""

import json
from pathlib import Path

import pytest

DATA = Path(__file__).parent / "data"


def pytest_addoption(parser):
    parser.addoption(
        "--golden",
        type=Path,
        default=None,
        help="folder with golden cases made from real data, which are not part of the repository",
    )


@pytest.fixture(scope="session")
def golden():
    """Golden cases that are part of the repository, by name."""
    return lambda name: json.loads((DATA / "golden" / f"{name}.json").read_text())


@pytest.fixture(scope="session")
def golden_real(request):
    """Golden cases made from real data, by name; skips where no folder was given."""
    folder = request.config.getoption("--golden")
    if folder is None:
        pytest.skip("real golden cases are not part of the repository: give --golden FOLDER")
    return lambda name: json.loads((folder / f"{name}.json").read_text())
