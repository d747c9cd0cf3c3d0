"""The trie holds every distinct prefix once, and a walk makes every node once, within bounds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstm_units.interventions.prefix_trie import build_trie, plan_walk

PREFIXES = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=6), min_size=1, max_size=40)


@given(PREFIXES)
def test_nodes_are_the_distinct_prefixes(prefixes):
    trie = build_trie(prefixes)
    expected = {tuple(p[: k + 1]) for p in prefixes for k in range(len(p))}
    paths = [tuple(trie.path(node)) for node in range(trie.n_nodes)]
    assert len(paths) == len(expected)
    assert set(paths) == expected
    assert [paths[node] for node in trie.item_node] == [tuple(p) for p in prefixes]
    assert [len(path) for path in paths] == trie.depth.tolist()
    for node in range(trie.n_nodes):
        children = np.flatnonzero(trie.parent == node)
        assert trie.child_count[node] == len(children)
        if len(children):
            first = trie.child_start[node]
            assert children.tolist() == list(range(first, first + len(children)))


@given(PREFIXES, st.integers(1, 9), st.integers(1, 9))
def test_walk_makes_every_node_once_from_its_stored_parent(prefixes, chunk, tile):
    trie = build_trie(prefixes)
    walk = plan_walk(trie, chunk, tile)
    stored = {0: -1}
    made = []
    for step in walk.steps:
        parents = [stored.pop(slot) for slot in step.parent_slots.tolist()]
        assert len(parents) <= walk.max_parents <= max(1, chunk)
        for block in step.blocks:
            assert sum(part.nodes.size for part in block) <= walk.max_children
            assert sum(part.nodes.size for part in block) <= max(chunk, max(1, tile))
            for part in block:
                above = np.asarray(parents)[part.parents]
                assert (trie.parent[part.nodes] == above[:, None]).all()
                made.extend(part.nodes.ravel().tolist())
        for node, slot in step.child_slots.items():
            assert slot not in stored
            assert slot < walk.n_slots
            stored[slot] = node
    assert not stored
    assert sorted(made) == list(range(trie.n_nodes))


def test_stored_states_do_not_grow_with_the_number_of_items():
    # A comb of many long sentences that share their first word only.
    def comb(n):
        return build_trie([[0, *(1 + (i >> b & 1) for b in range(14)), 3] for i in range(n)])

    small, large = (plan_walk(comb(n), chunk=16, tile=4).n_slots for n in (1000, 8000))
    assert large <= small + 16 * 4


@pytest.mark.parametrize("prefixes", [[], [[]], [[1], []]])
def test_an_empty_prefix_is_refused(prefixes):
    with pytest.raises(ValueError, match="at least one"):
        build_trie(prefixes)
