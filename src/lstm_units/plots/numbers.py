"""Placing the numbers of units beside their marks, so that they cover nothing.

Places are in points from the lower left of a panel.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from lstm_units.plots.style import FONT_SIZE, GREY

DIGIT = 0.64 * FONT_SIZE  # width, points
_LINE = 0.95 * FONT_SIZE  # height of a number, points


def draw_numbers(
    axis: Axes,
    marks: Mapping[int, np.ndarray],
    size: np.ndarray,
    *,
    mark: float,
    numbered: Collection[int] | None = None,
    first: Collection[int] = (),
    farthest: float = 20.0,
    farthest_first: float = 60.0,
    floor: np.ndarray | None = None,
    dots: np.ndarray | None = None,
) -> None:
    """Write units' numbers beside their marks as far as there is room, and count the rest.

    A number covers no mark, no other number and nothing below `floor`; dots only where there is no
    other room. Lines from numbers to their marks cover none of these either, and do not cross.

    Parameters
    ----------
    marks : mapping of int to ndarray
        Where the mark of each unit stands; the earlier ones get the better places.
    size : ndarray of shape (2,)
        Width and height of the panel.
    mark : float
        Width of a mark.
    numbered : collection of int, optional
        The units whose numbers are wanted; all by default.
    first : collection of int
        Those of them that go before others where room is short.
    farthest, farthest_first : float
        Points from a number to its mark at most; the second for those of `first`.
    floor : ndarray, optional
        Heights of bars of equal width from the left edge of the panel to the right.
    dots : ndarray of shape (dots, 2), optional
    """
    wanted = [unit for unit in marks if numbered is None or unit in numbered]
    floor = np.zeros(1) if floor is None else floor
    dots = np.zeros((0, 2)) if dots is None else dots
    room = _Room(size, mark, list(marks.values()), floor, dots)
    far = {unit: farthest_first if unit in first else farthest for unit in wanted}
    places = _places(wanted, marks, set(first), far, room)
    for unit, (center, leader) in places.items():
        axis.annotate(
            str(unit),
            tuple(marks[unit] / size),
            xycoords="axes fraction",
            xytext=tuple(center - marks[unit]),
            textcoords="offset points",
            ha="center",
            va="center_baseline",
            zorder=5,
        )
        if np.hypot(*(leader[-1] - marks[unit])) > mark / 2 + 2:
            ends = (leader[[0, -1]] / size).T
            axis.plot(*ends, transform=axis.transAxes, color=GREY, linewidth=0.4, zorder=2)
    if len(places) < len(wanted):
        axis.annotate(
            f"+{len(wanted) - len(places)} without number",
            (0.01, 1.0),
            xycoords="axes fraction",
            va="top",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )


class _Room:
    """What is taken of a panel."""

    def __init__(self, size, mark, points, floor, dots) -> None:
        self.size, self.mark, self.floor, self.dots = size, mark, floor, dots
        # Centre and half size. The corner in which numbers without room are counted stays free.
        self.corner = (np.array([42.0, size[1] - _LINE / 2]), np.array([42.0, _LINE / 2]))
        self.marks = [(point, np.full(2, mark / 2)) for point in points]
        self.clear()

    def clear(self) -> None:
        """Take all numbers away."""
        self.numbers: list[tuple[np.ndarray, np.ndarray]] = []
        self.leaders: list[np.ndarray] = []

    def bars(self, x: np.ndarray) -> np.ndarray:
        """Return the heights of the bars at some places across."""
        column = (x / self.size[0] * len(self.floor)).astype(int)
        return self.floor[np.clip(column, 0, len(self.floor) - 1)]

    def place(self, point: np.ndarray, digits: int, farthest: float) -> bool:
        """Place a number as near to its mark as there is room."""
        half = np.array([digits * DIGIT, _LINE]) / 2
        across, up = (2.0 * np.arange(-n, n + 1) for n in ((farthest + half) // 2).astype(int))
        offsets = np.array([(x, y) for y in up for x in across])
        distance = np.hypot(*np.maximum(np.abs(offsets) - half, 0).T)
        near = (distance >= self.mark / 2 + 1) & (distance <= farthest)
        offsets, distance = offsets[near], distance[near]
        centers = point + offsets
        free = ((centers >= half) & (centers + half <= self.size)).all(axis=1)
        n_bars = int(2 * half[0] * len(self.floor) / self.size[0])
        steps = np.linspace(-half[0], half[0], 2 + n_bars)
        free &= self.bars(centers[:, :1] + steps).max(axis=1) <= centers[:, 1] - half[1]
        for other, extent in (*self.marks, *self.numbers, self.corner):
            free &= (np.abs(centers - other) >= half + extent + 0.5).any(axis=1)
        centers, distance, offsets = centers[free], distance[free], offsets[free]
        covered = np.abs(self.dots[None] - centers[:, None]) < half + 1
        # Above rather than beside, where the next marks stand; not below, not to the left.
        cost = distance + 0.1 * np.abs(offsets[:, 0]) + 0.3 * (offsets[:, 1] < 0)
        cost += 0.1 * (offsets[:, 0] < 0)
        cost += 1000 * covered.all(axis=2).sum(axis=1)
        for center in centers[np.argsort(cost, kind="stable")]:
            leader = _leader(point, center, half)
            if self._open(point, center, half, leader):
                self.numbers.append((center, half))
                self.leaders.append(leader)
                return True
        return False

    def _open(self, point, center, half, leader) -> bool:
        """Whether a number lies on no other's line, and its own line on nothing."""
        if any((np.abs(line - center) < half + 0.5).all(axis=1).any() for line in self.leaders):
            return False
        if (self.bars(leader[:, 0]) > leader[:, 1]).any():
            return False
        others = (box for box in (*self.marks, *self.numbers) if box[0] is not point)
        if any((np.abs(leader - box) < extent).all(axis=1).any() for box, extent in others):
            return False
        return not any(_cross(leader[[0, -1]], line[[0, -1]]) for line in self.leaders)


def _places(
    wanted: Sequence[int],
    marks: Mapping[int, np.ndarray],
    first: set[int],
    farthest: Mapping[int, float],
    room: _Room,
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Find the centre of each number and the line to it, one after the other as far as they fit."""
    order, moved = list(wanted), set()
    while True:
        room.clear()
        placed = [u for u in order if room.place(marks[u], len(str(u)), farthest[u])]
        # A number of `first` that others have shut in goes before them.
        lost = [unit for unit in order if unit in first - set(placed) - moved]
        if not lost:
            centers = (center for center, _ in room.numbers)
            return dict(zip(placed, zip(centers, room.leaders, strict=True), strict=True))
        moved.add(lost[0])
        order.sort(key=lambda unit: unit != lost[0])  # stable


def _leader(point: np.ndarray, center: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Points on the line from a mark to the nearest point of the box of its number."""
    end = np.clip(point, center - half, center + half)
    return point + np.linspace(0, 1, 25)[:, None] * (end - point)


def _cross(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two line segments, each of shape (2, 2), cross."""

    def side(line: np.ndarray, point: np.ndarray) -> float:
        along, to = line[1] - line[0], point - line[0]
        return float(along[0] * to[1] - along[1] * to[0])

    return (
        side(one, other[0]) * side(one, other[1]) < 0
        and side(other, one[0]) * side(other, one[1]) < 0
    )


def spread_levels(sizes: np.ndarray, low: float, high: float, line: float) -> np.ndarray:
    """Spread numbers in a column so that each is near its mark and no two nearer than a line.

    Parameters
    ----------
    sizes : ndarray, shape (marks,)
        Heights of the marks, falling.
    low, high : float
        Ends of the column.
    line : float
        Height of a number.

    Returns
    -------
    ndarray, shape (numbers,)
        Heights of the numbers that fit: those of the first marks.
    """
    levels = np.array(sizes[: max(1, int((high - low) / line) + 1)], dtype=float)
    ceiling = high
    for place in range(len(levels)):  # down from the largest, never above its mark
        levels[place] = ceiling = min(levels[place], ceiling)
        ceiling -= line
    floor = low
    for place in range(len(levels))[::-1]:  # and up again from the lower end
        levels[place] = floor = max(levels[place], floor)
        floor += line
    return levels


def free_lane(
    texts: Sequence[list[tuple[float, float]]],
    dots: Sequence[Sequence[float]],
    x: float,
    digits: int,
    points: float,
    limits: tuple[float, float],
) -> tuple[int, int] | None:
    """Find a lane and a side where a dot and its number cover nothing, and take that room.

    Parameters
    ----------
    texts : sequence of list of (float, float)
        The spans that are taken in each lane; gets the new one.
    dots : sequence of sequence of float
        The other dots in each lane.
    x : float
        The dot. The dots of most units crowd around 0, which is kept free.
    digits : int
        Of the number.
    points : float
        In one unit of `x`.
    limits : tuple of float
        Ends of the lanes.

    Returns
    -------
    tuple of int or None
        The lane, and 1 for the right of the dot or -1 for its left.
    """
    wide, dot = (digits * DIGIT + 2.5) / points, 2.0 / points
    away = -1 if x < 0 else 1
    for side in (away, -away):
        low, high = (x, x + dot + wide) if side > 0 else (x - dot - wide, x)
        if low < limits[0] or high > limits[1] or low < 1 < high or low < -1 < high:
            continue
        for lane in range(len(texts)):
            free = all(high + dot < left or low - dot > right for left, right in texts[lane])
            # Dots may touch dots, but no dot may lie under the text.
            text = (x + dot / 2, high + dot) if side > 0 else (low - dot, x - dot / 2)
            if free and not any(text[0] < other < text[1] for other in dots[lane]):
                texts[lane].append((low, high))
                return lane, side
    return None
