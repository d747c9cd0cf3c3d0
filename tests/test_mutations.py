"""The mutations still fit the library; to run them takes an hour."""

from pathlib import Path

from mutations import MUTATIONS, find_place, find_tests

PROJECT = Path(__file__).resolve().parent.parent


def test_each_mutation_finds_its_text_once_and_its_tests():
    for mutation in MUTATIONS:
        find_place(mutation, PROJECT / "src")
    find_tests((name for mutation in MUTATIONS for name in mutation.tests), PROJECT)
