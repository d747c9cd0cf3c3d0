"""Items of a dump: those that it was made of, and no others."""

from types import SimpleNamespace

import pytest
from support.made_files import write_stimuli

from lstm_units.activations.matched import read_dumped_items
from lstm_units.errors import UserError
from lstm_units.io.files import make_metadata
from lstm_units.stimuli.generation import generate
from lstm_units.stimuli.table import scored_sha256


def test_a_dump_of_other_items_is_refused(english, tmp_path):
    path = tmp_path / "nounpp.parquet"
    table = generate(english, "nounpp", 2, True, 1)
    write_stimuli(table, path, make_metadata())
    dump, other = (
        SimpleNamespace(source=name, metadata={"stimuli_sha256": scored_sha256({"nounpp": rows})})
        for name, rows in (("a dump", table), ("another dump", table.slice(1)))
    )
    assert len(read_dumped_items(path, dump)) == len(table)
    with pytest.raises(UserError, match=r"another dump was made from another version of .*nounpp"):
        read_dumped_items(path, dump, other)
