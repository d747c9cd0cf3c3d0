"""The planted network, for the tests of the public functions."""

from pathlib import Path

import pytest
from support.planted_network import write_planted_network

import lstm_units


@pytest.fixture(scope="session")
def source(tmp_path_factory, english_folder) -> Path:
    """``model.safetensors`` and ``vocab.txt``."""
    folder = tmp_path_factory.mktemp("source")
    write_planted_network(folder, english_folder, english_folder / "context.txt")
    return folder


@pytest.fixture(scope="session")
def converted(source, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "planted"
    lstm_units.load_checkpoint(source, converted=folder)
    return folder


@pytest.fixture(scope="session")
def model(converted):
    return lstm_units.load_checkpoint(converted)
