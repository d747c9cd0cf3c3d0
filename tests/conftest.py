"""Fixtures that several test files share."""

import os
import re
from functools import lru_cache
from pathlib import Path

import pytest
import torch

from lstm_units.models.language_model import LanguageModel, Layer
from lstm_units.models.vocabulary import Vocabulary
from lstm_units.stimuli.language_tables import Language, read_language

pytest_plugins = ["support.workflow_fixture"]
PROJECT = Path(__file__).resolve().parent.parent
# Fixtures of the two runs of the workflow that tests share, the longer tests first.
RUNS = ("uninterrupted|before_the_sweep", "finished|finished_copy")


@lru_cache
def run_of(path: str) -> str:
    """Name what tests of a file share a worker with: others of a run of the workflow, or none."""
    text = (PROJECT / path).read_text(encoding="utf-8")
    for names in RUNS:
        if re.search(rf"\b({names})\b", text):
            return names
    return path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With several workers (pytest-xdist), make each run of the workflow on one of them."""
    from xdist.scheduler import LoadScopeScheduling

    class ByRun(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return run_of(nodeid.partition("::")[0])

    return ByRun(config, log)


def pytest_collection_modifyitems(config, items):
    """Begin with the tests that take longest, so that the workers end together."""
    if hasattr(config, "workerinput"):
        ranks = {names: rank for rank, names in enumerate(RUNS)}
        items.sort(key=lambda item: ranks.get(run_of(item.nodeid.partition("::")[0]), len(RUNS)))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """With the published data at hand, a golden test that skips is a failure."""
    outcome = yield
    report = outcome.get_result()
    golden = item.get_closest_marker("golden") is not None
    if golden and report.skipped and os.environ.get("LSTM_UNITS_TEST_DATA"):
        report.outcome = "failed"
        report.longrepr = f"skipped although LSTM_UNITS_TEST_DATA is set: {report.longrepr}"


@pytest.fixture(scope="session")
def project() -> Path:
    return PROJECT


@pytest.fixture(scope="session")
def english_folder(project) -> Path:
    return project / "stimuli" / "english"


@pytest.fixture(scope="session")
def english(english_folder) -> Language:
    return read_language(english_folder)


@pytest.fixture(scope="session")
def english_second(project) -> Language:
    return read_language(project / "stimuli" / "english_second")


@pytest.fixture(scope="session")
def published_data() -> Path:
    """Folder of the published stimuli and test sets; unset, golden tests skip."""
    folder = os.environ.get("LSTM_UNITS_TEST_DATA")
    if not folder:
        pytest.skip("LSTM_UNITS_TEST_DATA is not set: no published data to compare with")
    path = Path(folder)
    if not path.is_dir():
        pytest.fail(f"LSTM_UNITS_TEST_DATA={folder} is not a folder")
    return path


def make_model(
    layer_sizes=(5, 7),
    embedding_size=6,
    words=("<unk>", "<eos>", "a", "b", "c", "d", "e", "f"),
    *,
    tied=False,
    decoder_bias=True,
    dtype=torch.float64,
    seed=0,
    scale=1.0,
) -> LanguageModel:
    """Build a random language model; `scale` sets how far its gates are driven."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype) * scale

    if tied:
        embedding_size = layer_sizes[-1]
    embedding = normal(len(words), embedding_size)
    layers = []
    inputs = embedding_size
    for size in layer_sizes:
        layers.append(
            Layer(
                normal(4 * size, inputs) / inputs**0.5,
                normal(4 * size, size) / size**0.5,
                normal(4 * size),
            )
        )
        inputs = size
    return LanguageModel(
        vocabulary=Vocabulary(tuple(words)),
        embedding=embedding,
        layers=tuple(layers),
        decoder_weight=embedding if tied else normal(len(words), inputs),
        decoder_bias=normal(len(words)) if decoder_bias else embedding.new_zeros(len(words)),
    )


@pytest.fixture(scope="session")
def random_model():
    """The function that builds random models."""
    return make_model
