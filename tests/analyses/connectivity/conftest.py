"""A network with planted connections, its lists of units and its afferents."""

import pytest
from support.connected_network import connected_network, unit_entry, write_files

SHORT_RANGE = 50


@pytest.fixture(scope="session")
def planted_files(tmp_path_factory, project):
    folder = tmp_path_factory.mktemp("connectivity")
    language = project / "stimuli" / "english"
    model = connected_network(language)
    return write_files(folder, model, language, short_range=[unit_entry(SHORT_RANGE)])


@pytest.fixture(scope="session")
def planted_afferents(planted_files):
    return planted_files.afferents()


@pytest.fixture(scope="session")
def planted_table(planted_afferents):
    return planted_afferents.frame
