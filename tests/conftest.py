"""Fixtures that many tests share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def skysieve_data() -> Path:
    """The folder of real survey files."""
    folder = os.environ.get("SKYSIEVE_DATA", "")
    if not Path(folder).is_dir() or not folder:
        pytest.skip("SKYSIEVE_DATA, the folder of real survey files, is not set")
    return Path(folder)


def pytest_collection_modifyitems(items):
    """Skip tests on real data, with the reason, where there are none."""
    if os.environ.get("SKYSIEVE_DATA"):
        return
    skip = pytest.mark.skip(reason="SKYSIEVE_DATA, the folder of real survey files, is not set")
    for item in items:
        if "realdata" in item.keywords:
            item.add_marker(skip)
