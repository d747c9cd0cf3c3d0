"""Stimuli for use from Python: made, imported and checked as DataFrames.

The library keeps stimuli as Arrow tables. Here they become DataFrames and go back, so that what is
made in a notebook is what the workflow would make.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lstm_units.api.checks import task_name, whole_number
from lstm_units.errors import StimuliError
from lstm_units.interventions.known_items import select_known_items
from lstm_units.io.files import read_lines
from lstm_units.io.wording import words_listed
from lstm_units.models.language_model import LanguageModel
from lstm_units.stimuli import formats
from lstm_units.stimuli import table as tables
from lstm_units.stimuli.delimited import read_header
from lstm_units.stimuli.generation import generate
from lstm_units.stimuli.language_tables import read_language
from lstm_units.stimuli.nonce_sets import NONCE_REQUIRED
from lstm_units.stimuli.pair_columns import PAIR_COLUMNS, PAIR_REQUIRED, refuse_two_prefixes

FORMATS = ("auto", "table", *formats.FORMATS)
ENGLISH = Path(__file__).resolve().parents[3] / "stimuli" / "english"
_NEEDED = ("tokens", "verb_position", "correct", "wrong", "condition")


def make_stimuli(
    task: str,
    items_per_condition: int | str,
    seed: int,
    *,
    matched: bool = True,
    language: str | Path = "english",
) -> pd.DataFrame:
    """Make the items of an agreement task from the tables of a language.

    Parameters
    ----------
    task : str
        Its name in ``tasks.yaml`` of the language, such as ``"nounpp"``.
    items_per_condition : int or "all"
        1 or more; ``"all"`` makes every possible item.
    seed : int
        0 or more. The same seed gives the items that the workflow makes with it.
    matched : bool
        Whether all conditions have the same lexical frames (Lakretz et al. 2019, Section 3.1).
    language : "english" or path
        The tables that come with a clone of the project, or a folder of your own with
        ``lexicon.tsv`` and ``tasks.yaml``.

    Returns
    -------
    DataFrame
        One row per item: ``item`` (from 0), ``tokens`` (list of words), ``subject_position``,
        ``attractor_positions``, ``verb_position`` (from 0), ``correct``, ``wrong`` (the two verb
        forms), ``condition`` (S and P: number of the subject, then of each attractor),
        ``subject_number``, ``attractor_numbers``, ``subject_lemma``, ``attractor_lemmas``,
        ``verb_lemma``, ``frame``, ``n_attractors``, ``lemmas``.

    Raises
    ------
    StimuliError
        If there is no such task (the message lists those there are), more items are wanted than
        are possible, a number is none, or the tables cannot be read.

    Examples
    --------
    >>> import lstm_units
    >>> stimuli = lstm_units.make_stimuli("nounpp", items_per_condition=2, seed=1)
    >>> stimuli["condition"].tolist()
    ['SS', 'SS', 'SP', 'SP', 'PS', 'PS', 'PP', 'PP']
    >>> first = stimuli.iloc[0]
    >>> " ".join(first["tokens"]), first["correct"], first["wrong"]
    ('The doctor behind the chair approves the father .', 'approves', 'approve')
    """
    if not isinstance(task, str):
        raise StimuliError(f"the task is {task!r}; expected its name, such as 'nounpp'")
    seed = whole_number(seed, "seed", 0, error=StimuliError)
    if not isinstance(items_per_condition, str):
        items_per_condition = whole_number(
            items_per_condition, "items_per_condition", 1, error=StimuliError
        )
    return stimuli_frame(
        generate(read_language(language_folder(language)), task, items_per_condition, matched, seed)
    )


def read_stimuli(
    path: str | Path,
    format: str = "auto",
    *,
    gold: str | Path | None = None,
    language: str | Path | None = "english",
    template: str | None = None,
    on_duplicate: str = "error",
) -> pd.DataFrame:
    r"""Read stimuli from a file.

    Parameters
    ----------
    path : path
    format : {"auto", "table", "released", "linzen", "nonce", "minimal_pairs"}
        ``table``: a Parquet file of this project, such as ``stimuli/nounpp.parquet``. ``released``:
        the format of Lakretz et al. 2019. ``linzen``: text and gold file, as in Gulordava et al.
        2018. ``nonce``: the table of their nonce sets, or its text and gold file.
        ``minimal_pairs``: a table with the columns prefix, good, bad, condition. ``auto`` tells
        them by name and first line.
    gold : path, optional
        For ``linzen``, and for ``nonce`` where `path` is the text; by default the file beside it
        whose name ends in ``.gold``.
    language : "english", path or None
        For ``released``: the tables that give positions and lemmas, see `make_stimuli`. With None
        these are missing; items can be scored all the same.
    template : str, optional
        For ``released``: the task whose template the sentences have; by default the one that fits.
    on_duplicate : {"error", "drop"}
        What to do with a further item of the same full sentence and forms.

    Returns
    -------
    DataFrame
        As in `make_stimuli`; what a format does not say is missing.

    Raises
    ------
    StimuliError
        If the file is missing or malformed, its format cannot be told, or `gold` is given for
        another format.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import lstm_units
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "pairs.tsv"
    >>> _ = path.write_text("prefix\tgood\tbad\tcondition\nThe boys\tgreet\tgreets\tP\n")
    >>> lstm_units.read_stimuli(path)[["tokens", "correct", "wrong", "condition"]]
                   tokens correct   wrong condition
    0  [The, boys, greet]   greet  greets         P
    """
    path = Path(path)
    if not path.is_file():
        raise StimuliError(f"there is no file {path}; give the path of the stimuli")
    if format not in FORMATS:
        raise StimuliError(
            f"the format {format!r} of {path} is unknown; expected one of {', '.join(FORMATS)}"
        )
    chosen = _guess_format(path, gold) if format == "auto" else format
    needs_gold = chosen == "linzen" or (chosen == "nonce" and not _is_nonce_table(path))
    if gold is not None and not needs_gold:
        raise StimuliError(
            f"the gold file {gold} has no effect: {path} is a table of the format {chosen}, and "
            "only texts have a gold file; leave it out"
        )
    if chosen == "table":
        return _read_table(path)
    if needs_gold:
        gold = path.with_suffix(".gold") if gold is None else Path(gold)
        if not gold.is_file():
            raise StimuliError(
                f"there is no file {gold}, the gold file of {path}; give it as gold (at the "
                "prompt: --gold)"
            )
    words = None
    if chosen == "released" and language is not None:
        words = read_language(language_folder(language))
    table = formats.read_test_set(
        chosen, path, gold=gold, language=words, template=template, on_duplicate=on_duplicate
    )
    return stimuli_frame(table)


def known_items(
    model: LanguageModel, stimuli: pd.DataFrame, *, strict: bool = False
) -> pd.DataFrame:
    """Keep the items of which the model knows both verb forms.

    A warning names what is left out. Other unknown words are read as the model's unknown word.

    Parameters
    ----------
    model : LanguageModel
    stimuli : DataFrame
        From `make_stimuli` or `read_stimuli`.
    strict : bool
        Whether to refuse all, rather than leave items out, if any word up to the verb is unknown.
        The workflow does so for tasks that it makes from tables.

    Returns
    -------
    DataFrame
        Items keep their numbers, which have gaps where items were left out.

    Raises
    ------
    StimuliError
        If no item remains; with `strict`, if a word is unknown.

    Examples
    --------
    >>> import lstm_units
    >>> model = lstm_units.load_checkpoint("models/wikipedia650")
    >>> stimuli = lstm_units.make_stimuli("simple", items_per_condition=5, seed=1)
    >>> len(lstm_units.known_items(model, stimuli))
    10
    """
    return known_items_of(model, stimuli, "the stimuli", strict=strict)


def known_items_of(
    model: LanguageModel, stimuli: pd.DataFrame, where: str, *, strict: bool = False
) -> pd.DataFrame:
    """Keep the items as `known_items` does; `where` is what messages call the stimuli."""
    table = stimuli_table(stimuli)
    forms = set(table["correct"].to_pylist()) | set(table["wrong"].to_pylist())
    pairs = zip(table["correct"].to_pylist(), table["wrong"].to_pylist(), strict=True)
    known = {form for form in forms if model.vocabulary.has_form(form)}
    if not strict and not any(set(pair) <= known for pair in pairs):
        raise StimuliError(
            f"the model knows both verb forms of none of the {table.num_rows} items of {where}; "
            f"unknown are {words_listed(sorted(forms - known), 10)}. Check that the items and the "
            "model are of one language, tokenised and cased alike"
        )
    kept, _ = select_known_items(table, model.vocabulary, where, strict, "drop")
    return stimuli_frame(kept)


def language_folder(language: str | Path) -> Path:
    """Return the folder of the tables of a language.

    Parameters
    ----------
    language : "english" or path

    Raises
    ------
    StimuliError
        If the tables of English are asked for and did not come with the package.
    """
    if language != "english":
        return Path(language)
    if not (ENGLISH / "tasks.yaml").is_file():
        raise StimuliError(
            f"the tables of English are not at {ENGLISH}: they come with a clone of the project, "
            "not with the installed package. Clone it and install with `pip install -e .`, or "
            "give the folder that holds tasks.yaml, lexicon.tsv and context.txt"
        )
    return ENGLISH


def stimuli_frame(table: pa.Table) -> pd.DataFrame:
    """Turn a table of stimuli into a DataFrame of lists, strings and whole numbers."""
    columns = {}
    for name in table.column_names:
        column = table[name]
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_list(column.type):
            columns[name] = pd.Series(column.to_pylist(), dtype=object)
        elif pa.types.is_integer(column.type) and column.null_count:
            columns[name] = pd.Series(column.to_pylist(), dtype=f"Int{column.type.bit_width}")
        else:
            columns[name] = column.to_pandas()
    return pd.DataFrame(columns)


def stimuli_table(stimuli: pd.DataFrame, task: str = "stimuli") -> pa.Table:
    """Turn a DataFrame of stimuli into a checked table.

    Parameters
    ----------
    stimuli : DataFrame
        With at least the columns tokens, verb_position, correct, wrong and condition. Without
        ``item``, items are numbered from 0.
    task : str
        For messages.

    Raises
    ------
    StimuliError
        If it is no DataFrame, a column of whole numbers holds another, or its items cannot be
        scored.
    """
    where = f"the stimuli of {task}" if task != "stimuli" else "the stimuli"
    if not isinstance(stimuli, pd.DataFrame):
        raise StimuliError(
            f"{where} are a {type(stimuli).__name__}; expected a DataFrame, as make_stimuli and "
            "read_stimuli return"
        )
    missing = [name for name in _NEEDED if name not in stimuli.columns]
    if missing:
        raise StimuliError(
            f"{where} have no column {', '.join(missing)}; they need {', '.join(_NEEDED)}"
        )
    values = {name: [_plain(value) for value in stimuli[name]] for name in stimuli.columns}
    known = [name for name in values if name in tables.SCHEMA.names]
    for name in known:
        kind = tables.SCHEMA.field(name).type
        if pa.types.is_integer(kind) or (
            pa.types.is_list(kind) and pa.types.is_integer(kind.value_type)
        ):
            _check_whole(values[name], name, where)
    rows = [dict(zip(known, row, strict=True)) for row in zip(*map(values.get, known), strict=True)]
    extra = {name: values[name] for name in values if name not in known}
    try:
        table = tables.make_stimuli(rows, extra)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise StimuliError(
            f"{where} have a value of a wrong type: {error}. make_stimuli shows what the columns "
            "hold"
        ) from error
    tables.check_stimuli(table, where, gaps=True, same_forms=True)
    return table


def stimuli_tables(stimuli: Mapping[str, pd.DataFrame]) -> dict[str, pa.Table]:
    """Turn stimuli by task into checked tables.

    Raises
    ------
    StimuliError
        If `stimuli` is no mapping, the name of a task cannot be that of a file, or items cannot be
        scored.
    """
    if not isinstance(stimuli, Mapping) or not stimuli:
        raise StimuliError(
            "stimuli of one or more tasks are expected by the tasks' names, as in "
            '{"nounpp": stimuli}'
        )
    return {task: stimuli_table(frame, task_name(task)) for task, frame in stimuli.items()}


def _plain(value: Any) -> Any:
    """Return a cell as Python's own type; None where it is missing."""
    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(entry) for entry in value]
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        return int(value)  # a column of numbers with gaps became floats
    return value


def _check_whole(values: list[Any], name: str, where: str) -> None:
    """Refuse fractions, which Arrow would cut off."""
    for value in values:
        for entry in value if isinstance(value, list) else [value]:
            if isinstance(entry, float | bool):
                raise StimuliError(
                    f"{where}: column {name} holds {entry!r}; expected whole numbers"
                )


def _read_table(path: Path) -> pd.DataFrame:
    try:
        pq.read_schema(path)
        return stimuli_frame(tables.read_stimuli(path))
    except (OSError, pa.ArrowException) as error:
        raise StimuliError(
            f"{path} is no table of stimuli: {error}. Give a file that the workflow wrote, or "
            "another format"
        ) from error


def _is_nonce_table(path: Path) -> bool:
    return read_header(read_lines(path)[0], NONCE_REQUIRED, NONCE_REQUIRED) is not None


def _guess_format(path: Path, gold: str | Path | None) -> str:
    """Tell the format of a file by its name, then by its first line."""
    if path.suffix == ".parquet":
        return "table"
    if _is_nonce_table(path):
        return "nonce"
    beside = path.with_suffix(".gold") if gold is None else Path(gold)
    if beside.is_file() and read_lines(beside)[0].count("\t") == 11:
        return "nonce"
    if path.suffix == ".text" or path.with_suffix(".gold").is_file():
        return "linzen"
    first = read_lines(path)[0]
    if read_header(first, PAIR_REQUIRED, PAIR_COLUMNS) is not None:
        return "minimal_pairs"
    fields = first.split("\t")
    if len(fields) >= 3 and fields[2] in ("correct", "wrong"):
        return "released"
    if gold is not None:
        return "linzen"
    refuse_two_prefixes(path)
    raise StimuliError(
        f"cannot tell the format of {path} from its first line ({first[:80]!r}): minimal pairs "
        f"have a header with {', '.join(PAIR_REQUIRED)}. Else name it with format= (at the "
        f"prompt: --stimuli-format): {', '.join(FORMATS[1:])}"
    )
