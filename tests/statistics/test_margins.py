"""Margins of items."""

from lstm_units.statistics.margins import condition_rank


def test_conditions_stand_in_the_papers_order():
    names = ["PP", "SPS", "PS", "S", "SSS", "SP", "PSS", "P", "SS", "SSP"]
    assert sorted(names, key=condition_rank) == [
        *("S", "P", "SS", "SP", "PS", "PP", "SSS", "SSP", "SPS", "PSS")
    ]
