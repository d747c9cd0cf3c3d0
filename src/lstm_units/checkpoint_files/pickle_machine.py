"""The stack machine of pickles, protocols 0 to 5, without the power to run anything.

Python's own unpickler imports what a file names, reserves memory for any index of its memo that
a file writes, and hashes keys that a file chose. Here names, calls and states are given to an
`Outline`, which decides what becomes of them; lengths in the file are compared with the file; keys
are hashed by their identity unless that is cheap. Opcodes: ``pickletools.py`` of Python.
"""

import codecs
from collections.abc import Callable
from mmap import mmap
from struct import Struct
from typing import Any, Protocol

from lstm_units.checkpoint_files.pickled_values import (
    CostlyPickle,
    Latin1Text,
    MalformedPickle,
    OpaqueKey,
    StandIn,
    Unfinished,
)

# Opcodes and copied items; a million words as dict, list and counts take six million.
MOST_STEPS = 10_000_000
_LONGEST_KEY = 1000
_BYTE, _SHORT, _INT, _LONG = Struct("<B"), Struct("<H"), Struct("<I"), Struct("<Q")
_SIGNED, _DOUBLE = Struct("<i"), Struct(">d")
_LARGEST_KEY = 1 << 61  # larger integers can be made to have any hash


class Outline(Protocol):
    """What decides what the names, calls and states of a pickle become."""

    def name(self, module: Any, name: Any) -> Any:
        """Return what stands for ``module.name``."""

    def call(self, function: Any, arguments: Any, keywords: Any) -> Any:
        """Return what stands for the result of a call."""

    def build(self, target: Any, state: Any) -> None:
        """Give `target` its state."""

    def persistent(self, identifier: Any) -> Any:
        """Return what is kept outside of the pickle, such as a storage."""


class Budget:
    """What reading one file may cost.

    Parameters
    ----------
    size : int
        Bytes of the file. An opcode has at least one, a copied item was written with one, so
        four steps for each suffice; no more bytes are copied in strings that the pickle makes.
    """

    def __init__(self, size: int) -> None:
        self.steps = self.most = min(MOST_STEPS, 4 * size + 1000)
        self.bytes = size

    def spend(self, steps: int = 0, bytes: int = 0) -> None:
        """Count what is done.

        Raises
        ------
        CostlyPickle
            If it is more than the file may cost.
        """
        self.steps -= steps
        self.bytes -= bytes
        if self.steps < 0:
            raise CostlyPickle(f"takes more than {self.most:,} steps to read")
        if self.bytes < 0:
            raise CostlyPickle("makes more bytes than it has when it is read")


def as_key(value: Any) -> Any:
    """Return a value as key of a dict or member of a set, hashed by identity if it is not plain."""
    if value is None or type(value) in (bool, float):
        return value
    if isinstance(value, str | bytes) and len(value) <= _LONGEST_KEY:
        return value
    if type(value) is int and -_LARGEST_KEY < value < _LARGEST_KEY:
        return value
    return OpaqueKey(value)


def python_2_text(data: bytes) -> str:
    """Decode a string of Python 2, which says nothing of its encoding: UTF-8, else Latin-1."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return Latin1Text(data.decode("latin-1"))


def python_2_bytes(text: Any) -> Any:
    """Return the bytes of a string of Python 2; anything else as it is."""
    if isinstance(text, str):
        return text.encode("latin-1" if isinstance(text, Latin1Text) else "utf-8", "surrogatepass")
    return text


class Machine:
    """One pickle being read.

    Parameters
    ----------
    data : bytes or mmap
        What holds it.
    position : int
        Where it begins; after `run`, where it ended.
    outline : Outline
    budget : Budget
    """

    def __init__(self, data: bytes | mmap, position: int, outline: Outline, budget: Budget) -> None:
        self.data = data
        self.position = position
        self.outline = outline
        self.budget = budget
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """Return what was pickled.

        Raises
        ------
        MalformedPickle
            If it ends early or has an opcode that is none.
        CostlyPickle
            If it costs too much.
        """
        data, budget, push = self.data, self.budget, self.stack.append
        while (code := data[self.position : self.position + 1]) != b".":
            self.position += 1
            budget.steps -= _COSTS.get(code, 1)
            if budget.steps < 0:
                budget.spend()
            if make := _MAKES.get(code):
                push(make(self))
            elif change := _CHANGES.get(code):
                change(self)
            elif code:
                raise MalformedPickle(f"at byte {self.position - 1}, {code!r} is no pickle opcode")
            else:
                raise MalformedPickle("it ends within its pickle")
        self.position += 1
        return self.pop()

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        start, self.position = self.position, self.position + count
        if not start <= self.position <= len(self.data):
            raise MalformedPickle("it ends within its pickle")
        return self.data[start : self.position]

    def number(self, layout: Struct) -> Any:
        """Return the next number."""
        return layout.unpack(self.take(layout.size))[0]

    def line(self) -> bytes:
        """Return the next line without its end."""
        end = self.data.find(b"\n", self.position)
        if end < 0:
            raise MalformedPickle("it ends within its pickle")
        return self.take(end + 1 - self.position)[:-1]

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def top(self) -> Any:
        """Return the value on top of the stack."""
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise MalformedPickle("its pickle takes a value from an empty stack")
        return self.stack[-1]

    def pop(self) -> Any:
        """Take the value on top of the stack."""
        self.top()
        return self.stack.pop()

    def pop_mark(self) -> list[Any]:
        """Take the values above the last mark."""
        if not self.marks:
            raise MalformedPickle("its pickle has no mark where one belongs")
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def remember(self, index: int) -> None:
        """Note the value on top of the stack under a number."""
        value = self.top()
        if not 0 <= index < 1 << 32:
            raise MalformedPickle("its memo has an index that is none")
        self.memo[index] = value
        if isinstance(value, Unfinished):
            value.places.append(index)

    def recall(self, index: int) -> Any:
        """Return the value of that number."""
        if not 0 <= index < 1 << 32 or index not in self.memo:
            raise MalformedPickle("its memo has no such entry")
        return self.memo[index]

    def add_items(self, values: list[Any]) -> None:
        """Put values into the list on top of the stack, or a subclass of one."""
        self._inside(list).extend(values)

    def set_items(self, values: list[Any]) -> None:
        """Put keys and values into the dict on top of the stack, or a subclass of one."""
        if len(values) % 2:
            raise MalformedPickle("its pickle has a key without a value")
        inside = self._inside(dict)
        for key, value in zip(values[::2], values[1::2], strict=True):
            inside[as_key(key)] = value

    def _inside(self, kind: type) -> Any:
        target = self.top()
        if isinstance(target, StandIn):
            if target.items is None:
                target.items = kind()
            target = target.items
        if type(target) is not kind:
            raise MalformedPickle(f"its pickle puts items into a {type(target).__name__}")
        return target

    def build(self) -> None:
        """Give the value on top of the stack its state."""
        state, target = self.pop(), self.pop()
        if isinstance(target, Unfinished):
            finished = target.finish(state)
            for index in target.places:
                self.memo[index] = finished
            target = finished
        else:
            self.outline.build(target, state)
        self.push(target)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _integer(data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)


def _decimal(line: bytes) -> int | bool:
    return line == b"01" if line in (b"00", b"01") else int(line)


def _quoted(line: bytes) -> str:
    return python_2_text(codecs.escape_decode(line.strip()[1:-1])[0])


def _sized(layout: Struct, decode: Callable[[bytes], Any]) -> Callable[[Machine], Any]:
    """Return what reads a length and as many bytes."""
    return lambda machine: decode(machine.take(machine.number(layout)))


def _tuple(count: int) -> Callable[[Machine], tuple[Any, ...]]:
    return lambda machine: tuple(machine.pop() for _ in range(count))[::-1]


def _dictionary(machine: Machine) -> dict[Any, Any]:
    values = machine.pop_mark()
    machine.push({})
    machine.set_items(values)
    return machine.pop()


def _global(machine: Machine) -> Any:
    return machine.outline.name(machine.line().decode(), machine.line().decode())


def _stack_global(machine: Machine) -> Any:
    name, module = machine.pop(), machine.pop()
    return machine.outline.name(module, name)


def _extension(opcode: str, layout: Struct) -> Callable[[Machine], Any]:
    """Return what reads a number in ``copyreg``'s registry, which is never asked."""

    def read(machine: Machine) -> Any:
        return machine.outline.name("copyreg", f"extension {machine.number(layout)} ({opcode})")

    return read


def _call(machine: Machine) -> Any:
    arguments = machine.pop()
    return machine.outline.call(machine.pop(), arguments, {})


def _call_with_keywords(machine: Machine) -> Any:
    keywords, arguments = machine.pop(), machine.pop()
    return machine.outline.call(machine.pop(), arguments, keywords)


def _call_by_name(machine: Machine) -> Any:
    function, arguments = _global(machine), machine.pop_mark()
    return machine.outline.call(function, tuple(arguments), {})


def _call_from_mark(machine: Machine) -> Any:
    function, *arguments = machine.pop_mark() or [None]
    return machine.outline.call(function, tuple(arguments), {})


def _out_of_band(machine: Machine) -> None:
    raise MalformedPickle("its pickle keeps data outside of the file")


def _drop(machine: Machine) -> None:
    if machine.marks and machine.marks[-1] == len(machine.stack):
        machine.marks.pop()
    else:
        machine.pop()


def _add_members(machine: Machine) -> None:
    members = machine.pop_mark()
    if type(machine.top()) is not set:
        raise MalformedPickle("its pickle puts members into what is no set")
    machine.top().update(map(as_key, members))


# Opcodes that put on the stack what they make.
_MAKES: dict[bytes, Callable[[Machine], Any]] = {
    b"N": lambda machine: None,
    b"\x88": lambda machine: True,
    b"\x89": lambda machine: False,
    # numbers and strings, as text
    b"I": lambda machine: _decimal(machine.line()),
    b"L": lambda machine: int(machine.line().rstrip(b"L")),
    b"F": lambda machine: float(machine.line()),
    b"S": lambda machine: _quoted(machine.line()),
    b"V": lambda machine: machine.line().decode("raw-unicode-escape"),
    # numbers
    b"K": lambda machine: machine.number(_BYTE),
    b"M": lambda machine: machine.number(_SHORT),
    b"J": lambda machine: machine.number(_SIGNED),
    b"G": lambda machine: machine.number(_DOUBLE),
    b"\x8a": _sized(_BYTE, _integer),
    b"\x8b": _sized(_SIGNED, _integer),
    # text, bytes, strings of Python 2
    b"\x8c": _sized(_BYTE, _text),
    b"X": _sized(_INT, _text),
    b"\x8d": _sized(_LONG, _text),
    b"C": _sized(_BYTE, bytes),
    b"B": _sized(_INT, bytes),
    b"\x8e": _sized(_LONG, bytes),
    b"\x96": _sized(_LONG, bytes),
    b"U": _sized(_BYTE, python_2_text),
    b"T": _sized(_SIGNED, python_2_text),
    b"\x97": _out_of_band,
    # containers
    b"]": lambda machine: [],
    b"}": lambda machine: {},
    b")": lambda machine: (),
    b"\x8f": lambda machine: set(),
    b"l": lambda machine: machine.pop_mark(),
    b"d": _dictionary,
    b"t": lambda machine: tuple(machine.pop_mark()),
    b"\x85": _tuple(1),
    b"\x86": _tuple(2),
    b"\x87": _tuple(3),
    b"\x91": lambda machine: frozenset(map(as_key, machine.pop_mark())),
    # names, calls, what is kept elsewhere
    b"c": _global,
    b"\x93": _stack_global,
    b"\x82": _extension("EXT1", _BYTE),
    b"\x83": _extension("EXT2", _SHORT),
    b"\x84": _extension("EXT4", _SIGNED),
    b"R": _call,
    b"\x81": _call,
    b"\x92": _call_with_keywords,
    b"i": _call_by_name,
    b"o": _call_from_mark,
    b"P": lambda machine: machine.outline.persistent(machine.line().decode()),
    b"Q": lambda machine: machine.outline.persistent(machine.pop()),
    b"2": lambda machine: machine.top(),
    b"g": lambda machine: machine.recall(int(machine.line())),
    b"h": lambda machine: machine.recall(machine.number(_BYTE)),
    b"j": lambda machine: machine.recall(machine.number(_INT)),
}
# Opcodes that change what is there.
_CHANGES: dict[bytes, Callable[[Machine], None]] = {
    b"\x80": lambda machine: machine.take(1),  # protocol
    b"\x95": lambda machine: machine.take(8),  # length of a frame
    b"\x98": lambda machine: None,  # read-only buffer
    b"(": lambda machine: machine.marks.append(len(machine.stack)),
    b"0": _drop,
    b"1": lambda machine: machine.pop_mark(),
    b"p": lambda machine: machine.remember(int(machine.line())),
    b"q": lambda machine: machine.remember(machine.number(_BYTE)),
    b"r": lambda machine: machine.remember(machine.number(_INT)),
    b"\x94": lambda machine: machine.remember(len(machine.memo)),
    b"a": lambda machine: machine.add_items([machine.pop()]),
    b"e": lambda machine: machine.add_items(machine.pop_mark()),
    b"s": lambda machine: machine.set_items(list(_tuple(2)(machine))),
    b"u": lambda machine: machine.set_items(machine.pop_mark()),
    b"\x90": _add_members,
    b"b": Machine.build,
}
# An empty set takes three times the memory of an empty list.
_COSTS = {b"\x8f": 4, b"\x91": 4}
