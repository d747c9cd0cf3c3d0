"""The step that draws the random sets with which an ablated set of units is compared."""

from collections.abc import Sequence
from pathlib import Path

from lstm_units.analyses.controls.random_sets import FAMILIES, draw_sets, family_set, sets_table
from lstm_units.errors import ConfigurationError, UserError
from lstm_units.io.files import make_metadata, read_json, read_metadata, write_parquet

_NEEDED = {
    "syntax": ("syntax", "long_range"),
    "short_range": ("short_range",),
    "short_and_long_range": ("short_range", "long_range"),
}


def write_control_sets(
    family: str,
    layer_sizes: Sequence[int],
    syntax: str | Path | None,
    long_range: str | Path | None,
    short_range: str | Path | None,
    n_sets: int,
    match: str,
    exclude_long_range: bool,
    seed: int,
    output: str | Path,
) -> None:
    """Write ``controls/sets/{family}.parquet``: the tested set (0) and the random ones (from 1).

    Parameters
    ----------
    family : {"syntax", "short_range", "short_and_long_range"}
    layer_sizes : sequence of int
        Number of units of each layer.
    syntax, long_range, short_range : path or None
        ``units/*.json``. A family reads those that it is made of; `syntax` reads `long_range` too
        if it excludes these units. Others may be None.
    n_sets, match, seed
        As in `lstm_units.analyses.controls.random_sets.draw_sets`.
    exclude_long_range : bool
        As in `lstm_units.analyses.controls.random_sets.family_set`.
    output : path
        ``set`` int32, ``unit``, ``seed`` int64 (null for set 0), sorted. Without a set to test
        there is no row, and ``reason`` in the metadata says why.

    Raises
    ------
    ConfigurationError
        As in `lstm_units.analyses.controls.random_sets`, or if a list that the family needs is not given.
    UserError
        If the lists come from different checkpoints.
    """
    if family not in FAMILIES:
        raise ConfigurationError(
            f"unknown family of sets {family!r}: expected one of {', '.join(FAMILIES)}"
        )
    given = {"syntax": syntax, "long_range": long_range, "short_range": short_range}
    needed = [
        name
        for name in _NEEDED[family]
        if (family, name) != ("syntax", "long_range") or exclude_long_range
    ]
    missing = [name for name in needed if given[name] is None]
    if missing:
        raise ConfigurationError(
            f"the family {family} needs the list of {missing[0]} units, and none was given"
        )
    paths = {name: Path(given[name]) for name in needed}
    lists = {name: [entry["unit"] for entry in read_json(paths[name])["units"]] for name in needed}
    tested = family_set(family, lists, exclude_long_range)
    sets = draw_sets(tested.units, layer_sizes, n_sets, seed, match, tested.excluded)
    metadata = make_metadata(
        kind="random sets",
        checkpoint_sha256=shared_checkpoint(list(paths.values())),
        config={
            "family": family,
            "match": match,
            "n_sets": n_sets,
            "exclude_long_range": exclude_long_range,
        },
        seed=seed,
        tested=list(tested.units),
        excluded=list(tested.excluded),
        reason=tested.reason,
    )
    write_parquet(sets_table(sets), output, metadata)


def shared_checkpoint(paths: Sequence[Path]) -> str | None:
    """Return the hash of the checkpoint that all of some files come from.

    `lstm_units.io.files.lineage` compares their stimuli too, and these files come from different ones.

    Parameters
    ----------
    paths : sequence of Path

    Returns
    -------
    str or None

    Raises
    ------
    UserError
        If they come from different checkpoints.
    """
    found = [read_metadata(path).get("checkpoint_sha256") for path in paths]
    for path, checkpoint in zip(paths, found, strict=True):
        if checkpoint != found[0]:
            raise UserError(
                f"{path} was made from another checkpoint than {paths[0]}. Delete the one that is "
                "out of date, or both, and run the workflow again"
            )
    return found[0]
