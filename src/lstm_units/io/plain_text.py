"""Text as people save it: bytes of several encodings, and characters that cannot be seen."""

import codecs

# Protocols 2 and later, then those of 0 and 1 that hold a list, a dict or an object.
PICKLES = (b"\x80", b"]q\0", b"}q\0", b"(lp", b"(dp", b"ccopy_reg\n", b"c__builtin__\n")
# What begins so is no text, whatever its name says.
_KINDS = (
    (b"PK\x03\x04", "a zip archive, as Excel and torch.save write it"),
    (b"\x1f\x8b", "compressed by gzip"),
    (b"BZh", "compressed by bzip2"),
    (b"\xfd7zXZ\x00", "compressed by xz"),
    (b"PAR1", "a Parquet file"),
    *((start, "a pickle") for start in PICKLES),
    (b"\x93NUMPY", "an array of NumPy"),
    (b"%PDF", "a PDF"),
    (b"\xd0\xcf\x11\xe0", "a document of an old Office, such as .xls"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself (git lfs pull)"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
)
_MARKS = (  # the mark of UTF-16 is the beginning of that of UTF-32
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Letters, marks and symbols to Unicode, but nothing to the eye.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {
    chr(code) for first, last in ((0x180B, 0x180F), (0xFE00, 0xFE0F)) for code in range(first, last)
}


def decoded(data: bytes) -> tuple[str, str]:
    """Return the text of a file, without a byte-order mark.

    UTF-8 is expected; another encoding is read only if a byte-order mark names it.

    Returns
    -------
    text : str
    read_as : str
        What was special, in words; empty for plain UTF-8.

    Raises
    ------
    ValueError
        It says, as the end of a sentence about the file, what the file is, and what to do.
    """
    for start, kind in _KINDS:
        if data.startswith(start):
            raise ValueError(f"is {kind}; save it as text in UTF-8")
    mark, encoding = next((known for known in _MARKS if data.startswith(known[0])), (b"", ""))
    if not mark and b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise ValueError(
            f"holds a NUL character in line {line}: it is UTF-16 without its byte-order mark, or "
            "damaged; save it as UTF-8"
        )
    try:
        text = data[len(mark) :].decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        start = error.start + len(mark)
        byte, line = data[start], data.count(b"\n", 0, start) + 1
        advice = "" if mark else " (iconv -f WINDOWS-1252 -t UTF-8, if that is what it is)"
        raise ValueError(
            f"is not {(encoding or 'utf-8').upper()}: byte {start}, in line {line}, is "
            f"0x{byte:02X}, which Latin-1 and Windows-1252 read as "
            f"{visible(bytes([byte]).decode('cp1252', 'replace'))}; save it as UTF-8{advice}"
        ) from error
    if not mark:
        return text, ""
    name = encoding[:6].removesuffix("-").upper()
    return text, f"{name} with a byte-order mark"


def visible(text: str) -> str:
    r"""Return the text with what cannot be seen or moves other characters escaped, as ``\u200b``.

    That is each space but the common one, control and format characters (zero width, soft hyphen,
    direction marks), unassigned ones, and letters that are blank.
    """
    if text.isprintable() and _BLANK.isdisjoint(text):
        return text
    return "".join(
        c if c.isprintable() and c not in _BLANK else c.encode("unicode_escape").decode()
        for c in text
    )
