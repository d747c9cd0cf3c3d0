"""Results of a planted network, for the tests of cards."""

import shutil

import pytest
from support.card_results import write_model_results

from lstm_units.io.result_files import ResultFiles


@pytest.fixture(scope="session")
def planted_files(tmp_path_factory, project) -> ResultFiles:
    return write_model_results(tmp_path_factory.mktemp("cards") / "results" / "tiny", project)


@pytest.fixture
def files(planted_files, tmp_path) -> ResultFiles:
    """A copy to take from and add to."""
    shutil.copytree(planted_files.folder, tmp_path / "results" / "tiny")
    return ResultFiles(tmp_path / "results" / "tiny")
