"""English text into sentences and tokens, as the vocabulary of Gulordava et al. 2018 has them.

Case is kept. Punctuation, brackets and quotation marks are tokens of their own, and so are the
clitics ``n't 's 're 've 'll 'm 'd`` and the bare apostrophe of possessives. Together stay: words
with hyphens and slashes (``well-known``, ``and/or``), abbreviations with their points (``U.S.``,
``Dr.``), numbers with points and commas, and what leans on a number (``15,000``, ``$15``, ``5th``,
``2006–07``); a percent sign is apart.
"""

import re
import unicodedata
from collections.abc import Iterator

_OPENING = "([{<\"“‘'«"
_CLOSING = ")]}>\"”’'»"
_MARKS = ",;:!?%…"

# Titles and ranks; firms, places and dates; references and measures.
_ABBREVIATIONS = frozenset(
    """
    Mr. Mrs. Ms. Dr. Prof. Rev. Hon. St. Ste. Sr. Jr. Messrs. Gen. Lt. Col. Maj. Capt. Sgt. Brig.
    Cpl. Cmdr. Adm. Gov. Sen. Rep. Pres. Supt.
    Inc. Ltd. Co. Corp. Bros. Mass. Conn. Calif. Penn. Ave. Blvd. Rd. Mt. Ft. Jan. Feb. Mar. Apr.
    Aug. Sept. Oct. Nov. Dec.
    No. Nos. Vol. Fig. Op. Ph.D. vs. v. vol. cf. etc. al. approx. est. ca. c. b. d. r. p. pp. ed.
    eds. fl. ft. e.g. i.e. a.m. p.m. a.k.a.
    """.split()  # noqa: SIM905
)
# "U.S." and the like, and the initial of a name.
_INITIALS = re.compile(r"(?:[^\W\d_]\.)+")
# An abbreviation may end a sentence too. It is taken to, if the next word rarely is a name.
_STARTERS = frozenset(
    """
    A After All Although An And Another As At Because Before Both But By During Each Even First For
    From He Her His How However If In It Its Later Many Most No Of On One Other Our She Since So
    Some Such That The Their Then There These They This Those Though Thus To Today Under Until We
    What When Where While With You
    """.split()  # noqa: SIM905
)
_CLITIC = re.compile(r"(.+?)(n't|'(?:s|re|ve|ll|m|d))$", re.IGNORECASE)
_DASHES = re.compile(r"(—|--+|\.\.\.+|…)")
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"))

_NEVER, _PERHAPS, _YES = range(3)  # whether a sentence ends after a piece of text
_Piece = tuple[tuple[str, ...], int]


class Tokeniser:
    """Splits paragraphs into sentences of tokens; remembers the pieces of text it has seen.

    Parameters
    ----------
    memory : int
        Number of different pieces, between two spaces, whose tokens are remembered.
    """

    def __init__(self, memory: int = 2_000_000) -> None:
        self._memory = memory
        self._pieces: dict[str, _Piece] = {}

    def sentences(self, paragraph: str) -> Iterator[list[str]]:
        """Split a paragraph.

        A sentence ends at ``.``, ``!`` or ``?``, and closing marks after it, where the next piece
        of text begins with a capital letter, a digit or an opening mark. After an abbreviation it
        ends only if the next word is one that often begins sentences; the abbreviation keeps its
        point, and the sentence gets one of its own (``in the U.S. .``), as in the Penn Treebank.

        Yields
        ------
        list of str
            The tokens of a sentence.
        """
        text = unicodedata.normalize("NFC", paragraph).translate(_INVISIBLE)
        texts = text.split()
        pieces = [self._piece(text) for text in texts]
        sentence: list[str] = []
        for place, (tokens, ending) in enumerate(pieces):
            sentence += tokens
            last = place + 1 == len(pieces)
            if ending == _NEVER or not (last or _may_begin(texts[place + 1])):
                continue
            if ending == _PERHAPS:
                if not last and pieces[place + 1][0][0] not in _STARTERS:
                    continue
                sentence.append(".")
            yield sentence
            sentence = []
        if sentence:
            yield sentence

    def _piece(self, text: str) -> _Piece:
        piece = self._pieces.get(text)
        if piece is None:
            piece = split_piece(text)
            if len(self._pieces) < self._memory:
                self._pieces[text] = piece
        return piece


def split_piece(text: str) -> _Piece:
    """Split what stands between two spaces into tokens.

    Parameters
    ----------
    text : str
        Not empty.

    Returns
    -------
    tokens : tuple of str
    ending : int
        0: no sentence ends here; 1: an abbreviation, after which one may end; 2: one ends.
    """
    parts = [part for part in _DASHES.split(text.replace("’", "'")) if part]
    tokens: list[str] = []
    ending = _NEVER
    for part in parts:
        if _DASHES.fullmatch(part):
            points = part[0] in ".…"
            tokens.append("..." if points else "--" if part[0] == "-" else part)
            ending = _YES if points else _NEVER
        else:
            new, ending = _split_part(part)
            tokens += new
    return tuple(tokens), ending


def _split_part(part: str) -> tuple[list[str], int]:
    before: list[str] = []
    after: list[str] = []
    ending = _NEVER
    while part and part[0] in _OPENING and not _CLITIC_ALONE.fullmatch(part):
        before.append(part[0])
        part = part[1:]
    while part:
        last = part[-1]
        if last == ".":
            if part in _ABBREVIATIONS or _INITIALS.fullmatch(part):
                ending = max(ending, _PERHAPS) if not after else ending
                break
            ending = _YES
        elif last in "!?":
            ending = _YES
        elif (last in _CLOSING and _balanced(part)) or (
            last not in _CLOSING and last not in _MARKS
        ):
            break
        elif last in ",;:%":
            ending = _NEVER
        after.append(last)
        part = part[:-1]
    return [*before, *_clitics(part), *reversed(after)], ending


_CLITIC_ALONE = re.compile(r"'(?:s|re|ve|ll|m|d)", re.IGNORECASE)


def _balanced(part: str) -> bool:
    """Whether a closing bracket belongs to one inside: ``word(s)`` stays together."""
    pairs = {")": "(", "]": "[", "}": "{", ">": "<"}
    opening = pairs.get(part[-1])
    return opening is not None and part.count(opening) >= part.count(part[-1])


def _clitics(word: str) -> list[str]:
    """Split the clitics off the end of a word."""
    tail: list[str] = []
    while match := _CLITIC.fullmatch(word):
        word = match[1]
        tail.append(match[2])
    return [*([word] if word else []), *reversed(tail)]


def _may_begin(text: str) -> bool:
    first = text[0]
    return first in _OPENING or first == "—" or first.isdigit() or first.isupper()
