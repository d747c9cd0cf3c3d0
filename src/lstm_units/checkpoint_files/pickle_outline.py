"""What the names in a checkpoint become: tensors, plain containers, numbers, or stand-ins."""

from collections.abc import Callable
from typing import Any

from lstm_units.checkpoint_files.inert_names import is_inert, today
from lstm_units.checkpoint_files.pickle_machine import Budget, as_key, python_2_bytes
from lstm_units.checkpoint_files.pickled_tensors import (
    STORAGES,
    UNREADABLE,
    NumpyType,
    array,
    number,
    numpy_type,
    tensor,
    tensor_of_type,
)
from lstm_units.checkpoint_files.pickled_values import (
    MalformedPickle,
    Name,
    PickledTensor,
    StandIn,
    Storage,
    StorageType,
    StoredArray,
    Unfinished,
    UnreadableTensor,
    shown,
)

_LARGEST = 1 << 40  # elements; no storage of a language model comes near
_LONGEST_NAME = 300  # characters
_MOST_ARGUMENTS = 20  # of the functions below
# Subclasses of dict and list that hold nothing but their items.
_DICTS = (
    *("builtins.dict", "collections.Counter", "collections.OrderedDict", "collections.defaultdict"),
    *("addict.addict.Dict", "attrdict.dictionary.AttrDict", "easydict.EasyDict", "munch.Munch"),
    "fastcore.basics.AttrDict",
    "lightning.fabric.utilities.data.AttributeDict",
    "lightning.pytorch.utilities.parsing.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
    "pytorch_lightning.utilities.parsing.AttributeDict",
)
_LISTS = ("builtins.list", "collections.deque")
# Classes whose tensors are nothing but tensors.
_PLAIN_TENSORS = ("torch.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer")
_TENSOR_TYPES = ("Double", "Float", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte")


class CheckpointOutline:
    """The outline of one checkpoint, see `lstm_units.checkpoint_files.pickle_machine.Outline`.

    Parameters
    ----------
    stand_ins : frozenset of str
        Dotted names that the owner of the file vouches for.
    budget : Budget
    foreign : dict of str to None
        Gets the names that are neither known nor vouched for, in their order.
    load_bytes : callable
        Reads a checkpoint within the checkpoint: ``torch.storage._load_from_bytes``.

    Attributes
    ----------
    stored : dict of str to StoredArray
        The arrays that the file keeps outside of the pickle.
    """

    def __init__(
        self,
        stand_ins: frozenset[str],
        budget: Budget,
        foreign: dict[str, None],
        load_bytes: Callable[[bytes], Any],
    ) -> None:
        self.stand_ins = stand_ins
        self.budget = budget
        self.foreign = foreign
        self.load_bytes = load_bytes
        self.stored: dict[str, StoredArray] = {}
        self._names: dict[tuple[str, str], Any] = {}
        self._runs: dict[tuple[str, int, int], Storage] = {}

    def name(self, module: Any, name: Any) -> Any:
        """Return what stands for ``module.name``, and note it when it is foreign."""
        if not (isinstance(module, str) and isinstance(name, str)):
            raise MalformedPickle("a name in it is no text")
        if len(module) + len(name) > _LONGEST_NAME:
            raise MalformedPickle(f"a name in it has {len(module) + len(name)} characters")
        if not (module.isprintable() and name.isprintable()):
            raise MalformedPickle(f"a name in it is {shown(module)}, {shown(name)}")
        if (module, name) not in self._names:
            self._names[module, name] = self._resolve(module, name)
        return self._names[module, name]

    def _resolve(self, module: str, name: str) -> Any:
        if module in ("torch", "torch.cuda", "torch.storage") and name in STORAGES:
            return StorageType(STORAGES[name])
        dotted, known = f"{module}.{name}", f"{today(module)}.{name}"
        rebuilds = known.startswith("torch._utils._rebuild_")
        if known in _CALLS or rebuilds or is_inert(today(module), name):
            return Name(known)
        if dotted not in self.stand_ins:
            self.foreign[dotted] = None
        return Name(dotted)

    def persistent(self, identifier: Any) -> Any:
        """Return a storage, or the class that torch before 2.0 stored with its source."""
        if type(identifier) is tuple and len(identifier) <= 6:
            match identifier:
                case ("module", Name() as kind, _, _):
                    return kind
                case ("storage", StorageType(dtype), str(key), str(), int(numel), *views):
                    if 0 <= numel < _LARGEST and len(key) <= _LONGEST_NAME:
                        return self._storage(key, StoredArray(dtype, numel), views)
        raise MalformedPickle(f"no storage is described by {shown(identifier)}")

    def _storage(self, key: str, array: StoredArray, views: list[Any]) -> Storage:
        known = self.stored.setdefault(key, array)
        if (known.dtype, known.numel) != (array.dtype, array.numel):
            raise MalformedPickle(f"storage {shown(key)} is described in two ways")
        match views:
            case [] | [None]:
                return self._run(key, 0, known.numel)
            case [(str(), int(start), int(size))] if 0 <= start <= start + size <= known.numel:
                return self._run(key, start, size)
        raise MalformedPickle(f"no storage is described by {shown(tuple(views))}")

    def _run(self, key: str, start: int, numel: int) -> Storage:
        """Return the same object for the same run, so that shared memory can be told."""
        if (key, start, numel) not in self._runs:
            self._runs[key, start, numel] = Storage(self.stored[key], start, numel)
        return self._runs[key, start, numel]

    def build(self, target: Any, state: Any) -> None:
        """Give a stand-in its state; what else has one in a checkpoint does without it."""
        match target, state:
            case StandIn(state=None), _:
                target.state = state
                return
            case ((dict() | list() | UnreadableTensor()), _):
                return  # such as the `_metadata` of a state dict
            case PickledTensor(), (bool(), bool(), _):
                return  # a Variable of torch 0.2 and 0.3: requires_grad, volatile, hooks
        raise MalformedPickle(f"it sets the state of {shown(target)}")

    def call(self, function: Any, arguments: Any, keywords: Any) -> Any:
        """Return what stands for the result of a call: a stand-in, but for the names below."""
        if not (isinstance(function, Name) and type(arguments) is tuple and type(keywords) is dict):
            raise MalformedPickle(f"it calls {shown(function)} with {shown(arguments)}")
        dotted = function.dotted_name
        if dotted in UNREADABLE:
            return UnreadableTensor(UNREADABLE[dotted])
        if dotted in _CALLS:
            if keywords or len(arguments) > _MOST_ARGUMENTS:
                raise MalformedPickle(f"{dotted} is called with too much")
            made = _CALLS[dotted](self, arguments)
            if made is None:
                raise MalformedPickle(f"{dotted} is called with {shown(arguments)}")
            return made
        if dotted.startswith("torch._utils._rebuild_") or _has_storage(arguments):
            return UnreadableTensor(f"a tensor of a kind that is not known here ({dotted})")
        return StandIn(dotted, arguments, keywords)


def _has_storage(arguments: tuple[Any, ...]) -> bool:
    """Say whether a call makes a tensor: of a storage, or of a function and its arguments."""
    within = [arguments, *(each for each in arguments[:_MOST_ARGUMENTS] if type(each) is tuple)]
    return any(isinstance(each, Storage) for part in within for each in part[:_MOST_ARGUMENTS])


# Each of the following takes the outline and the arguments of a call, and returns None when they
# are not what torch, numpy or Python write.


def _inner_tensor(outline: CheckpointOutline, arguments: tuple[Any, ...]) -> Any:
    """Return the tensor that a parameter, a variable or a move to a device wraps."""
    match arguments:
        case (PickledTensor() | UnreadableTensor() as inner, *_):
            return inner
    return None


def _tensor_of_class(outline: CheckpointOutline, arguments: tuple[Any, ...]) -> Any:
    """Return a tensor with attributes, or name the class that gives it a meaning of its own."""
    match arguments:
        case (Name(function), Name(kind), tuple() as inner, _) if function not in _OF_CLASS:
            made = outline.call(Name(function), inner, {})
            if not isinstance(made, PickledTensor | UnreadableTensor):
                return None
            plain = kind in _PLAIN_TENSORS or kind.startswith("fastai.torch_core.Tensor")
            if isinstance(made, UnreadableTensor) or plain:
                return made
            outline.foreign.pop(kind, None)
            return UnreadableTensor(f"a tensor of the class {kind}")
    return None


def _subclass(outline: CheckpointOutline, arguments: tuple[Any, ...]) -> Any:
    """Name a tensor whose class keeps its values elsewhere."""
    match arguments:
        case (Name(kind), *_):
            outline.foreign.pop(kind, None)
            return UnreadableTensor(f"a tensor of the class {kind}")
    return None


def _old_tensor(outline: CheckpointOutline, arguments: tuple[Any, ...]) -> Any:
    """Await the state of a tensor of torch 0.1: storage, offset, size, stride."""
    return None if arguments else Unfinished("torch.Tensor", finish=tensor)


def _stored_bytes(outline: CheckpointOutline, arguments: tuple[Any, ...]) -> Any:
    """Return the storage in bytes that ``torch.save`` wrote within a plain pickle."""
    match arguments:
        case (str() as text,):
            outline.budget.spend(bytes=len(text))
            return outline.load_bytes(python_2_bytes(text))
        case (bytes() as data,):
            return outline.load_bytes(data)
    return None


def _array(outline: CheckpointOutline, arguments: tuple[Any, ...]) -> Any:
    """Await the state of a numpy array: version, shape, type, order, bytes."""

    def finish(state: Any) -> Any:
        match state:
            case (int(), tuple() as shape, NumpyType() as kind, fortran, str() as text):
                outline.budget.spend(bytes=len(text))
                return array(kind, shape, bool(fortran), python_2_bytes(text))
            case (int(), tuple() as shape, NumpyType() as kind, fortran, bytes() as data):
                return array(kind, shape, bool(fortran), data)
        return StandIn("numpy.ndarray", state=state)

    return Unfinished("numpy.ndarray", arguments, finish=finish)


def _array_of_buffer(outline: CheckpointOutline, arguments: tuple[Any, ...]) -> Any:
    match arguments:
        case (bytes() as data, NumpyType() as kind, tuple() as shape, order):
            return array(kind, shape, order == "F", data)
        case _:
            return StandIn("numpy.ndarray", arguments)


def _numpy_type(outline: CheckpointOutline, arguments: tuple[Any, ...]) -> Any:
    """Await the state of a numpy type, which has its byte order."""
    match arguments:
        case (str() as code, *_):
            return Unfinished(
                "numpy.dtype", arguments, finish=lambda state: numpy_type(code, state)
            )
    return None


def _number(outline: CheckpointOutline, arguments: tuple[Any, ...]) -> Any:
    match arguments:
        case (NumpyType() as kind, str() | bytes() as data) if len(data) <= 32:
            return number(kind, python_2_bytes(data))
        case _:
            return StandIn("numpy.core.multiarray.scalar", arguments)


def _dict(outline: CheckpointOutline, arguments: tuple[Any, ...]) -> Any:
    """Return a dict of another or of pairs; a defaultdict has its function before them."""
    match arguments[-1:]:
        case (dict() as items,):
            outline.budget.spend(len(items))
            return dict(items)
        case (list() as pairs,):
            outline.budget.spend(len(pairs))
            if all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
                return {as_key(key): value for key, value in pairs}
        case () | (Name() | StandIn() | None,):
            return {}
    return None


def _members(kind: type) -> Callable[[CheckpointOutline, tuple[Any, ...]], Any]:
    """Return what makes a list, tuple or set of another; a deque has its length behind it."""

    def make(outline: CheckpointOutline, arguments: tuple[Any, ...]) -> Any:
        match arguments:
            case () | (None,):
                return kind()
            case (list() | tuple() | set() | frozenset() as members, *_):
                outline.budget.spend(len(members))
                return kind(map(as_key, members) if issubclass(kind, set | frozenset) else members)
        return None

    return make


def _text(outline: CheckpointOutline, arguments: tuple[Any, ...]) -> Any:
    """Return a device, a layout or a version as text, such as ``cuda:0``."""
    match arguments:
        case (str() as first,):
            return first
        case (str() as first, int() as second):
            return f"{first[:100]}:{second}" if second.bit_length() < 64 else None
    return None


def _bytes(outline: CheckpointOutline, arguments: tuple[Any, ...]) -> Any:
    match arguments:
        case ():
            return b""
        case (bytes() as data,):
            return data
        case (str() as text, "latin1" | "latin-1"):
            outline.budget.spend(bytes=len(text))
            try:
                return text.encode("latin-1")
            except UnicodeEncodeError:
                return None
    return None


def _complex(outline: CheckpointOutline, arguments: tuple[Any, ...]) -> Any:
    match arguments:
        case (float() as real, float() as imaginary):
            return complex(real, imaginary)
    return None


def _new(outline: CheckpointOutline, arguments: tuple[Any, ...]) -> Any:
    """Return an instance as ``copyreg.__newobj__`` and ``__newobj_ex__`` make one."""
    match arguments:
        case (Name() as kind, tuple() as inner, dict() as keywords):
            return outline.call(kind, inner, keywords)
        case (Name() as kind, *inner):
            return outline.call(kind, tuple(inner), {})
    return None


def _reconstructed(outline: CheckpointOutline, arguments: tuple[Any, ...]) -> Any:
    """Return an instance as protocols 0 and 1 make one, of its class, a base and that's value."""
    match arguments:
        case (Name() as kind, Name("builtins.object"), _):
            return outline.call(kind, (), {})
        case (Name(kind), Name("builtins.dict" | "builtins.list"), dict() | list() as items):
            return items if kind in _DICTS + _LISTS else StandIn(kind, items=items)
        case (Name(kind), Name(), value):
            return StandIn(kind, (value,))
    return None


_OF_CLASS = (
    *("torch._tensor._rebuild_from_type", "torch._tensor._rebuild_from_type_v2"),
    *("torch.tensor._rebuild_from_type", "fastai.torch_core._rebuild_from_type"),
)
_CALLS: dict[str, Callable[[CheckpointOutline, tuple[Any, ...]], Any]] = {
    "torch._utils._rebuild_tensor": lambda outline, arguments: tensor(arguments),
    "torch._utils._rebuild_tensor_v2": lambda outline, arguments: tensor(arguments),
    "torch._utils._rebuild_tensor_v3": lambda outline, arguments: tensor_of_type(arguments),
    "torch._utils._rebuild_parameter": _inner_tensor,
    "torch._utils._rebuild_parameter_with_state": _inner_tensor,
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": _inner_tensor,
    "torch._utils._rebuild_device_tensor_from_numpy": _inner_tensor,
    "torch._utils._rebuild_xla_tensor": _inner_tensor,
    "torch._utils._rebuild_wrapper_subclass": _subclass,
    "torch.nn.parameter.Parameter": _inner_tensor,
    "torch.nn.parameter.Buffer": _inner_tensor,
    "torch.autograd.variable.Variable": _inner_tensor,
    **dict.fromkeys(_OF_CLASS, _tensor_of_class),
    **{f"torch.{kind}Tensor": _old_tensor for kind in _TENSOR_TYPES},
    **{f"torch.cuda.{kind}Tensor": _old_tensor for kind in _TENSOR_TYPES},
    "torch.storage._load_from_bytes": _stored_bytes,
    "torch.Size": _members(tuple),
    "torch.device": _text,
    "torch.serialization._get_layout": _text,
    "torch.torch_version.TorchVersion": _text,
    "numpy.core.multiarray._reconstruct": _array,
    "numpy.core.multiarray.scalar": _number,
    "numpy.core.numeric._frombuffer": _array_of_buffer,
    "numpy.dtype": _numpy_type,
    "_codecs.encode": _bytes,
    "builtins.bytes": _bytes,
    "builtins.bytearray": _bytes,
    "builtins.complex": _complex,
    "builtins.tuple": _members(tuple),
    "builtins.set": _members(set),
    "builtins.frozenset": _members(frozenset),
    **dict.fromkeys(_DICTS, _dict),
    **dict.fromkeys(_LISTS, _members(list)),
    "copyreg.__newobj__": _new,
    "copyreg.__newobj_ex__": _new,
    "copyreg._reconstructor": _reconstructed,
}
