"""Results in memory: which belong together."""

import pytest

from lstm_units.errors import UserError
from lstm_units.io.results import Result, made_from, require_same


def test_results_of_two_checkpoints_or_two_versions_of_the_stimuli_are_refused():
    made = [("a", "c", "s"), ("b", "d", "s"), ("e", "c", "t")]
    results = {
        name: Result({}, {"checkpoint_sha256": checkpoint, "stimuli_sha256": stimuli}, name)
        for name, checkpoint, stimuli in made
    }
    for name, what in (("b", "checkpoint"), ("e", "version of the stimuli")):
        with pytest.raises(UserError, match=f"{name} was made from another {what} than a"):
            require_same(results["a"], results[name], stimuli_sha256="version of the stimuli")
    require_same(*results.values(), checkpoint=False)


def test_a_result_of_several_test_sets_carries_the_hashes_of_all():
    one, other = (Result({}, {"stimuli_sha256": hashes}) for hashes in (["x", "y"], "z"))
    assert made_from(one, other)["stimuli_sha256"] == ["x", "y", "z"]
