"""What a file is that is no checkpoint as torch writes it, and how to make one of it."""

import codecs
from pathlib import Path

from lstm_units.errors import CheckpointError

HEAD = 1024  # bytes that tell what a file is
_STATE_DICT = "save the weights with torch.save(model.state_dict(), path)"
_FOREIGN = (
    "read it where it was made, name each matrix as PyTorch does (encoder.weight, "
    "rnn.weight_ih_l0, decoder.weight) and save a dict of them with torch.save or numpy.savez"
)
_AGAIN = "download the file itself"
_BEGINNINGS = (
    (b"version https://git-lfs", "a Git LFS pointer", "fetch the file itself with `git lfs pull`"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes", _FOREIGN),
    (b"\x93NUMPY", "a single numpy array", "save all matrices by their names with numpy.savez"),
    (b"BZh", "packed by bzip2", "unpack it with bunzip2"),
    (b"\xfd7zXZ", "packed by xz", "unpack it with unxz"),
    (b"7z\xbc\xaf\x27\x1c", "packed by 7-Zip", "unpack it"),
    (b"Rar!", "packed by RAR", "unpack it"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd", "unpack it with unzstd"),
    (b"%PDF", "a PDF", _AGAIN),
    (b"GGUF", "a GGUF file", _FOREIGN),
    (b"MATLAB ", "a MATLAB file", _FOREIGN),
    (b"model_checkpoint_path:", "the index of a TensorFlow checkpoint", _FOREIGN),
)
_WEB_PAGE = ("a web page", "open its address in a browser to see what it says, then " + _AGAIN)


def kind_of(head: bytes, tail: bytes) -> tuple[str, str] | None:
    """Say what a file is and what to do with it.

    Parameters
    ----------
    head, tail : bytes
        Its first `HEAD` bytes and its last eight.

    Returns
    -------
    tuple of (str, str), or None
        To follow "is", and an instruction; None for what is not known, such as a pickle.
    """
    for beginning, what, advice in _BEGINNINGS:
        if head.startswith(beginning):
            return what, advice
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<?xml", b"<head")):
        return _WEB_PAGE
    if head[257:262] == b"ustar":
        if b"sys_info" in head[:100] or b"storages" in head[:100] or head.startswith(b"pickle\0"):
            return "a tar archive of torch 0.1", f"load it with torch and {_STATE_DICT}"
        return "a tar archive", "unpack it and give the checkpoint that is in it"
    if head[:1] == b"\x08" and (b"pytorch" in head[:64] or b"onnx" in head[:200]):
        return "an ONNX file", f"go back to the model it was made of and {_STATE_DICT}"
    if head[8:15] == b"\x03\0\0\0V 1":
        return "a file of Torch 7 (Lua)", _FOREIGN
    if tail == b"\x57\xfb\x80\x8b\x24\x75\x47\xdb":
        return "the index of a TensorFlow checkpoint", _FOREIGN
    if head[6:9] == b"\0\0{":
        return "a safetensors file", "leave out `format`, or write safetensors"
    return None


def text_beginning(head: bytes) -> str | None:
    """Return the first words of a text file, None for another file."""
    if len(head) < 16:
        return None
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head)  # may end within a character
    except UnicodeDecodeError:
        return None
    words = " ".join(text.split())
    return words[:40] if words.isprintable() else None


def refuse_other_kinds(path: Path, head: bytes, tail: bytes) -> None:
    """Refuse a file that is known to be something else.

    Raises
    ------
    CheckpointError
        If it is.
    """
    if (kind := kind_of(head, tail)) is not None:
        what, advice = kind
        raise CheckpointError(f"{path} is {what}, no checkpoint; {advice}")
