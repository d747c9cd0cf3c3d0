"""A prefix trie over the items of a group of tasks, and the order in which a sweep walks it.

Thousands of stimuli share their beginnings. Each distinct prefix is one node, read once. Siblings
also share the recurrent product of their parent, so the walk takes a chunk of parents, multiplies
their states once, and makes all their children from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PrefixTrie:
    """All distinct non-empty prefixes of the items, level by level.

    The root is the empty prefix (the state after the context) and is no node. The children of a
    parent are consecutive nodes.

    Parameters
    ----------
    word : ndarray of int64, shape (nodes,)
        Vocabulary row of the last word of each prefix.
    parent : ndarray of int64, shape (nodes,)
        Node of the prefix without its last word; -1 for one-word prefixes.
    depth : ndarray of int64, shape (nodes,)
        Number of words of the prefix.
    child_start, child_count : ndarray of int64, shape (nodes + 1,)
        First child and number of children; the last entry is the root's.
    item_node : ndarray of int64, shape (items,)
        Node at which each item is scored.
    """

    word: np.ndarray
    parent: np.ndarray
    depth: np.ndarray
    child_start: np.ndarray
    child_count: np.ndarray
    item_node: np.ndarray

    @property
    def n_nodes(self) -> int:
        """Number of distinct prefixes."""
        return len(self.word)

    @property
    def n_parents(self) -> int:
        """Number of prefixes, the empty one included, that are continued."""
        return int(np.count_nonzero(self.child_count))

    def path(self, node: int) -> list[int]:
        """Return the vocabulary rows of a prefix, first word first."""
        words = []
        while node >= 0:
            words.append(int(self.word[node]))
            node = int(self.parent[node])
        return words[::-1]


def build_trie(prefixes: Sequence[Sequence[int]]) -> PrefixTrie:
    """Build the trie of tokenised prefixes.

    Parameters
    ----------
    prefixes : sequence of sequences of int
        Vocabulary rows of the words before the verb of each item; none may be empty.

    Raises
    ------
    ValueError
        If there are no items, or a prefix is empty.
    """
    if len(prefixes) == 0 or any(len(prefix) == 0 for prefix in prefixes):
        raise ValueError("a trie needs at least one item, and at least one word before each verb")
    word: list[int] = []
    parent: list[int] = []
    depth: list[int] = []
    starts: dict[int, int] = {}
    counts: dict[int, int] = {}
    at = np.full(len(prefixes), -1, dtype=np.int64)
    active = list(range(len(prefixes)))
    level = 0
    while active:
        # Groups keep the order of the parents, so the children of a parent stay consecutive.
        seen: dict[tuple[int, int], list[int]] = {}
        for item in active:
            seen.setdefault((int(at[item]), int(prefixes[item][level])), []).append(item)
        for (above, row), items in sorted(seen.items(), key=lambda entry: entry[0]):
            node = len(word)
            starts.setdefault(above, node)
            counts[above] = counts.get(above, 0) + 1
            word.append(row)
            parent.append(above)
            depth.append(level + 1)
            at[items] = node
        level += 1
        active = [item for item in active if len(prefixes[item]) > level]
    n_nodes = len(word)
    child_start = np.zeros(n_nodes + 1, dtype=np.int64)
    child_count = np.zeros(n_nodes + 1, dtype=np.int64)
    for node, start in starts.items():
        child_start[node] = start
        child_count[node] = counts[node]
    return PrefixTrie(
        word=np.asarray(word, dtype=np.int64),
        parent=np.asarray(parent, dtype=np.int64),
        depth=np.asarray(depth, dtype=np.int64),
        child_start=child_start,
        child_count=child_count,
        item_node=at,
    )


@dataclass(frozen=True)
class Tile:
    """Some siblings of some neighbouring parents of a step, all with equally many siblings.

    Parameters
    ----------
    parents : slice
        Positions among the parents of the step.
    nodes : ndarray of int64, shape (parents, siblings)
        The child nodes.
    """

    parents: slice
    nodes: np.ndarray


@dataclass(frozen=True)
class Step:
    """One chunk of parents whose children are made together.

    Parameters
    ----------
    parent_slots : ndarray of int64, shape (parents,)
        Where the states of the parents are stored.
    blocks : tuple of tuple of Tile
        The children, in blocks of bounded size.
    child_slots : dict of int to int
        Where the state of each child goes that has children itself.
    """

    parent_slots: np.ndarray
    blocks: tuple[tuple[Tile, ...], ...]
    child_slots: dict[int, int]


@dataclass(frozen=True)
class Walk:
    """The order in which a trie is read, fixed before the first product.

    Parameters
    ----------
    n_slots : int
        Number of states that must be stored at the same time.
    max_parents, max_children, max_tile : int
        Largest number of parents of a step, and of children of a block and of a tile.
    """

    steps: tuple[Step, ...]
    n_slots: int
    max_parents: int
    max_children: int
    max_tile: int


def plan_walk(trie: PrefixTrie, chunk: int, tile: int) -> Walk:
    """Plan a walk that stores few states and still multiplies large chunks.

    The deepest level with a full chunk of waiting parents goes first, which keeps the number of
    stored states small; when no level has a full chunk, the shallowest goes first, which fills the
    levels below it.

    Parameters
    ----------
    chunk : int
        Parents per step, and children per block.
    tile : int
        Children per tile.
    """
    chunk, tile = max(1, chunk), max(1, min(tile, chunk))
    waiting: dict[int, list[int]] = {0: [trie.n_nodes]}  # the root stands last in child_start
    slot_of = {trie.n_nodes: 0}
    free: list[int] = []
    n_slots = 1
    steps: list[Step] = []
    max_parents = max_children = max_tile = 0
    while waiting:
        full = [level for level, nodes in waiting.items() if len(nodes) >= chunk]
        level = max(full) if full else min(waiting)
        parents, rest = waiting[level][:chunk], waiting[level][chunk:]
        if rest:
            waiting[level] = rest
        else:
            del waiting[level]
        parents = sorted(parents, key=lambda node: (trie.child_count[node], node))
        parent_slots = np.asarray([slot_of.pop(node) for node in parents], dtype=np.int64)
        # The parents' states are copied out before the children's are stored.
        free.extend(sorted(parent_slots.tolist(), reverse=True))
        blocks = _blocks(trie, parents, chunk, tile)
        child_slots: dict[int, int] = {}
        for block in blocks:
            max_children = max(max_children, sum(t.nodes.size for t in block))
            max_tile = max([max_tile, *(part.nodes.size for part in block)])
            for part in block:
                for node in part.nodes.ravel().tolist():
                    if trie.child_count[node]:
                        if not free:
                            free.append(n_slots)
                            n_slots += 1
                        child_slots[node] = slot_of[node] = free.pop()
                        waiting.setdefault(level + 1, []).append(node)
        max_parents = max(max_parents, len(parents))
        steps.append(Step(parent_slots, blocks, child_slots))
    return Walk(tuple(steps), n_slots, max_parents, max_children, max_tile)


def _blocks(
    trie: PrefixTrie, parents: Sequence[int], chunk: int, tile: int
) -> tuple[tuple[Tile, ...], ...]:
    """Cut the children of sorted parents into tiles, and the tiles into blocks of <= `chunk`."""
    counts = trie.child_count[np.asarray(parents)]
    tiles: list[Tile] = []
    for count in np.unique(counts):
        first, last = np.searchsorted(counts, [count, count + 1])
        width = int(min(count, tile))
        height = max(1, tile // width)
        for top in range(first, last, height):
            bottom = min(top + height, last)
            starts = trie.child_start[np.asarray(parents[top:bottom])]
            for left in range(0, int(count), width):
                columns = np.arange(left, min(left + width, int(count)))
                tiles.append(Tile(slice(top, bottom), starts[:, None] + columns))
    blocks: list[list[Tile]] = [[]]
    size = 0
    for part in tiles:
        if blocks[-1] and size + part.nodes.size > chunk:
            blocks.append([])
            size = 0
        blocks[-1].append(part)
        size += part.nodes.size
    return tuple(tuple(block) for block in blocks)
