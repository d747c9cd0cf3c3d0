"""Seeded, balanced sampling of lexical frames: which words go together into one sentence."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from lstm_units.errors import StimuliError

Frame = tuple[str, ...]
MAXIMUM_FRAMES = 1_000_000


def count_frames(pools: Sequence[Sequence[str]], may_repeat: Sequence[bool]) -> int:
    """Count the frames that put no lemma into two slots.

    Parameters
    ----------
    pools : sequence of sequences of str
        The lemmas of each slot.
    may_repeat : sequence of bool
        Slots that are free of the rule.

    Returns
    -------
    int
        The permanent of the 0/1 matrix of slots and lemmas, by dynamic programming over sets of
        filled slots, times the sizes of the free pools.
    """
    free, bound = 1, []
    for pool, repeat in zip(pools, may_repeat, strict=True):
        if repeat:
            free *= len(pool)
        else:
            bound.append(set(pool))
    ways = {0: 1}
    for lemma in sorted(set().union(*bound)):
        grown = dict(ways)
        for filled, count in ways.items():
            for slot, pool in enumerate(bound):
                if lemma in pool and not filled >> slot & 1:
                    key = filled | 1 << slot
                    grown[key] = grown.get(key, 0) + count
        ways = grown
    return free * ways.get((1 << len(bound)) - 1, 0)


def all_frames(pools: Sequence[Sequence[str]], may_repeat: Sequence[bool]) -> Iterator[Frame]:
    """Give every frame that puts no lemma into two slots, in the order of the pools.

    Parameters
    ----------
    pools, may_repeat
        As in `count_frames`.

    Returns
    -------
    iterator of tuple of str
        The lemma of each slot.
    """

    def extend(frame: Frame, used: frozenset[str]) -> Iterator[Frame]:
        if len(frame) == len(pools):
            yield frame
            return
        repeat = may_repeat[len(frame)]
        for lemma in pools[len(frame)]:
            if repeat:
                yield from extend((*frame, lemma), used)
            elif lemma not in used:
                yield from extend((*frame, lemma), used | {lemma})

    return extend((), frozenset())


def sample_frames(
    pools: Sequence[Sequence[str]],
    may_repeat: Sequence[bool],
    size: int,
    generator: np.random.Generator,
) -> list[Frame]:
    """Draw different frames such that each lemma of a slot occurs about equally often.

    Each slot gets a shuffled column that holds every lemma of its pool floor(size / pool) or one
    more times; the columns side by side are the frames. Where that repeats a frame, or a lemma
    within a frame, two rows exchange a word, which leaves all counts as they are. Only when
    exchanges get stuck (small overlapping pools) is a frame drawn anew, the one of many
    candidates whose lemmas are rarest so far. Beyond half of all frames, the frames to leave out
    are drawn in this way.

    Parameters
    ----------
    pools : sequence of sequences of str
        The lemmas of each slot.
    may_repeat : sequence of bool
        Slots whose lemma may occur again in the frame.
    size : int
        Number of frames, at most `count_frames`.

    Returns
    -------
    list of tuple of str
        In the order of the pools.

    Raises
    ------
    StimuliError
        If there are fewer frames than `size`, or more than a million are wanted.
    """
    possible = count_frames(pools, may_repeat)
    if size > possible:
        raise StimuliError(f"{size} wanted, but only {possible} are possible")
    if size > MAXIMUM_FRAMES:
        raise StimuliError(
            f"{size} wanted, but at most {MAXIMUM_FRAMES} are made; give a smaller number"
        )
    ranks = [{lemma: rank for rank, lemma in enumerate(pool)} for pool in pools]

    def in_order(frames: Sequence[Frame]) -> list[Frame]:
        return sorted(frames, key=lambda f: [r[lemma] for r, lemma in zip(ranks, f, strict=True)])

    if 2 * size > possible:
        frames = list(all_frames(pools, may_repeat))
        if size < possible:
            left_out = set(_balanced(pools, may_repeat, possible - size, generator))
            frames = [frame for frame in frames if frame not in left_out]
        return in_order(frames)
    return in_order(_balanced(pools, may_repeat, size, generator))


def balanced_column(pool: Sequence[str], size: int, generator: np.random.Generator) -> list[str]:
    """Return a shuffled list that holds each lemma floor(size / pool) or one more times.

    Parameters
    ----------
    pool : sequence of str
        The lemmas of one slot.
    size : int
        Length of the list.
    """
    whole, rest = divmod(size, len(pool))
    extra = generator.permutation(len(pool))[:rest].tolist()
    column = [lemma for lemma in pool for _ in range(whole)] + [pool[i] for i in extra]
    return [column[i] for i in generator.permutation(size).tolist()]


def _balanced(
    pools: Sequence[Sequence[str]],
    may_repeat: Sequence[bool],
    size: int,
    generator: np.random.Generator,
) -> list[Frame]:
    if size == 0:
        return []
    columns = [balanced_column(pool, size, generator) for pool in pools]
    frames: list[Frame] = list(zip(*columns, strict=True))
    bound = [slot for slot, repeat in enumerate(may_repeat) if not repeat]
    count = Counter(frames)

    def repeats(frame: Frame) -> bool:
        return len({frame[slot] for slot in bound}) < len(bound)

    def faults(one: Frame, two: Frame) -> int:
        return repeats(one) + repeats(two) + (count[one] > 1) + (count[two] > 1)

    faulty = [row for row, frame in enumerate(frames) if repeats(frame) or count[frame] > 1]
    budget = 200 * (len(faulty) + 10)
    while faulty and budget:
        budget -= 1
        row = faulty[-1]
        if not repeats(frames[row]) and count[frames[row]] == 1:
            faulty.pop()
            continue
        other = int(generator.integers(size))
        slot = int(generator.integers(len(pools)))
        before, after = (frames[row], frames[other]), _exchange(frames[row], frames[other], slot)
        if row == other or after == before:
            continue
        old = faults(*before)
        count.subtract(before)
        count.update(after)
        if faults(*after) < old:
            frames[row], frames[other] = after
            if repeats(after[1]) or count[after[1]] > 1:
                faulty.append(other)
        else:
            count.subtract(after)
            count.update(before)
    sound = list(dict.fromkeys(frame for frame in frames if not repeats(frame)))
    return _fill_up(sound, size, pools, bound, generator)


def _exchange(one: Frame, two: Frame, slot: int) -> tuple[Frame, Frame]:
    return (
        (*one[:slot], two[slot], *one[slot + 1 :]),
        (*two[:slot], one[slot], *two[slot + 1 :]),
    )


def _fill_up(
    frames: list[Frame],
    size: int,
    pools: Sequence[Sequence[str]],
    bound: Sequence[int],
    generator: np.random.Generator,
) -> list[Frame]:
    kept, taken = list(frames), set(frames)
    counts = [Counter(frame[slot] for frame in kept) for slot in range(len(pools))]
    while len(kept) < size:
        candidates = []
        # At most half of all frames are taken, so candidates are found quickly.
        while len(candidates) < 20:
            frame = tuple(pool[int(generator.integers(len(pool)))] for pool in pools)
            if frame not in taken and len({frame[slot] for slot in bound}) == len(bound):
                candidates.append(frame)
        best = min(
            candidates, key=lambda f: sum(c[lemma] for c, lemma in zip(counts, f, strict=True))
        )
        kept.append(best)
        taken.add(best)
        for counter, lemma in zip(counts, best, strict=True):
            counter[lemma] += 1
    return kept
