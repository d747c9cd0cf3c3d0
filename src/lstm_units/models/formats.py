"""Reading a checkpoint of any format, as far as the tensors in it."""

from collections.abc import Iterable
from pathlib import Path

from safetensors import SafetensorError, safe_open

from lstm_units.checkpoint_files.pickled_values import StandIn, shown
from lstm_units.checkpoint_files.unpickling import load_pickled
from lstm_units.errors import CheckpointError
from lstm_units.models.contents import Contents, listed
from lstm_units.models.module_outline import in_part, outline

FORMATS = ("auto", "pickled_module", "state_dict", "safetensors")


def read_contents(
    path: str | Path,
    format: str = "auto",
    stand_ins: Iterable[str] = ("model.RNNModel",),
    part: str | None = None,
) -> Contents:
    """Read all tensors of a checkpoint under the names they have in it.

    Parameters
    ----------
    path : str or Path
        A safetensors file, or what ``torch.save`` wrote of a module or a state dict.
    format : {"auto", "pickled_module", "state_dict", "safetensors"}
        ``auto`` looks at the file.
    stand_ins : iterable of str
        See `lstm_units.checkpoint_files.unpickling.load_pickled`.
    part : str, optional
        Path of the part to look into.

    Returns
    -------
    Contents

    Raises
    ------
    CheckpointError
        If the file cannot be read, is not of the format, or holds no tensors.
    """
    path = Path(path)
    if format not in FORMATS:
        raise CheckpointError(f"format {format!r} is unknown; write one of {', '.join(FORMATS)}")
    known = path.suffix == ".safetensors" or _looks_like_safetensors(path)
    if format == "safetensors" or (format == "auto" and known):
        return read_safetensors(path, part)
    loaded = load_pickled(path, stand_ins)
    contents = outline(loaded, str(path), part, path.stat().st_size)
    kind = "pickled_module" if contents.modules else "state_dict"
    if format not in ("auto", kind):
        raise CheckpointError(
            f"{path} holds a {kind}, but format is {format}; write {kind}, or leave it out"
        )
    in_part([*contents.tensors, *contents.unreadable], part, str(path))
    if not contents.tensors and not contents.unreadable:
        held = shown(loaded) if isinstance(loaded, StandIn) else f"a {type(loaded).__name__}"
        if isinstance(loaded, dict):
            held = f"a dict of {listed(map(str, loaded))}"
        raise CheckpointError(
            f"{path} holds no tensors: expected a module or a state_dict, alone or in dicts and "
            f"lists; found {held[:300]}"
        )
    return contents


def _looks_like_safetensors(path: Path) -> bool:
    """Tell the format by its head: eight bytes of length, then JSON."""
    try:
        with path.open("rb") as handle:
            head = handle.read(9)
    except OSError:
        return False  # the reader that follows reports it
    return len(head) == 9 and head[8:] == b"{" and head[6:8] == b"\0\0"


def read_safetensors(path: Path, part: str | None = None) -> Contents:
    """Read the tensors of a safetensors file.

    ``safetensors.torch.save_model`` writes one of several names of a tensor, and the others, with
    the one written, among the file's metadata.

    Parameters
    ----------
    path : Path
    part : str, optional
        What the names of the tensors begin with, without the last dot.

    Raises
    ------
    CheckpointError
        If it is missing or damaged, or has no such part.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path}; check its path")
    contents = Contents(str(path), size=path.stat().st_size)
    try:
        with safe_open(path, framework="pt") as file:
            names, aliases = list(file.keys()), file.metadata() or {}
            written = {name: name for name in names}
            written |= {n: kept for n, kept in aliases.items() if kept in names and n not in names}
            in_part(written, part, str(path))
            chosen = [n for n in written if part is None or n.startswith(f"{part}.")]
            read = {name: file.get_tensor(name) for name in {written[n] for n in chosen}}
            contents.tensors.update((name, read[written[name]]) for name in chosen)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path} is empty, cut off or no safetensors file ({error}); download or save it again"
        ) from error
    return contents
