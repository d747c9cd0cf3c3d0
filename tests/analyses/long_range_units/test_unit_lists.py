"""Lists of discovered units, gathered for people and made into sets of one."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
from support.scripts import run_script

from lstm_units.io.files import make_metadata, write_json


def write_list(path, *units):
    write_json({"units": [{"unit": unit} for unit in units]}, path, make_metadata())
    return path


def test_lists_of_units_are_gathered_by_unit(tmp_path):
    lists = {"syntax": (3,), "long_range": (7, 3)}
    paths = [write_list(tmp_path / f"{name}.json", *units) for name, units in lists.items()]
    output = tmp_path / "units.json"
    run_script(
        "long_range_units/unit_lists",
        input={"lists": paths},
        output={"units": output},
        params={"names": list(lists)},
    )
    written = json.loads(output.read_text())
    assert written["units"] == [
        {"unit": 3, "lists": ["long_range", "syntax"]},
        {"unit": 7, "lists": ["long_range"]},
    ]
    assert written["metadata"]["kind"] == "units"


def test_each_discovered_unit_is_a_set_of_its_own(tmp_path):
    for units, expected in (((7, 3), pa.int16()), ((40000,), pa.int32()), ((), pa.int16())):
        output = tmp_path / "sets.parquet"
        run_script(
            "long_range_units/long_range_sets",
            input={"long_range": write_list(tmp_path / "long_range.json", *units)},
            output={"sets": output},
        )
        table = pq.read_table(output)
        assert table["set"].to_pylist() == list(range(1, len(units) + 1))
        assert table["unit"].to_pylist() == list(units)
        assert table["seed"].null_count == len(units)
        assert table.schema.types == [expected, expected, pa.int64()]
