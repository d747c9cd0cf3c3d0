"""Results that a test may change."""

import shutil

import pytest

from lstm_units.io.result_files import ResultFiles


@pytest.fixture
def copied(results, tmp_path) -> ResultFiles:
    """A copy of the `results` of the file that the test is in."""
    shutil.copytree(results.folder, tmp_path / "model")
    return ResultFiles(tmp_path / "model")
