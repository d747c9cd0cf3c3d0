"""The command ``lstm-units``: what a person wants at a prompt, without the workflow.

Modules that compute are imported by the subcommand that needs them, so that help comes at once.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lstm_units.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from lstm_units.models.language_model import LanguageModel

_FORMATS = ("auto", "pickled_module", "state_dict", "safetensors")
_STIMULI_FORMATS = ("auto", "table", "released", "linzen", "nonce", "minimal_pairs")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.

    Returns
    -------
    int
        0. Input that the user can mend ends the process with code 1, wrong usage with code 2.
    """
    parser = build_parser()
    chosen = parser.parse_args(arguments)
    if chosen.version:
        from lstm_units import __version__

        print(f"lstm-units {__version__}")
    elif chosen.run is None:
        parser.print_help()
    else:
        from lstm_units.runtime.console import job

        with job(alone=True):
            chosen.run(chosen)
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all subcommands."""
    parser = argparse.ArgumentParser(
        prog="lstm-units",
        description="Find which units of an LSTM language model carry grammatical number and "
        "syntax. The experiment as a whole is run by Snakemake; these are its small change.",
        epilog="lstm-units COMMAND --help shows the options of a command, and an example.",
    )
    parser.add_argument("--version", action="store_true", help="print the version and end")
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_convert(commands)
    _add_score(commands)
    _add_card(commands)
    return parser


def _command(
    commands: argparse._SubParsersAction,
    name: str,
    what: str,
    more: str,
    example: str,
    run: Callable[[argparse.Namespace], None],
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=what,
        description=f"{what[0].upper()}{what[1:]}. {more}",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def _add_source_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how a checkpoint of another kind is read."""
    parser.add_argument(
        "--format",
        choices=_FORMATS,
        default="auto",
        help="of the checkpoint (default: %(default)s)",
    )
    parser.add_argument(
        "--stand-in",
        action="append",
        metavar="CLASS",
        help="dotted name of a class that a pickle may hold; may be given more than once "
        "(default: model.RNNModel)",
    )
    parser.add_argument("--unk", default="<unk>", help="the unknown word (default: %(default)s)")
    parser.add_argument("--eos", default="<eos>", help="end of a sentence (default: %(default)s)")
    parser.add_argument("--part", help="where in the file the network is, such as model.student")
    parser.add_argument("--embedding", metavar="NAME", help="the embedding, where it is not found")
    parser.add_argument("--decoder", metavar="NAME", help="the decoder, where it is not found")
    parser.add_argument(
        "--layers",
        type=lambda text: tuple(text.split(",")),
        metavar="NAME,...",
        help="the recurrent modules, the lowest first",
    )
    parser.add_argument(
        "--padding-rows",
        type=_rows,
        metavar="ROW,...",
        help="rows of the embedding that belong to no word, from 1, or end for all after the last "
        "word",
    )


def _rows(text: str) -> str | tuple[int, ...]:
    return text if text == "end" else tuple(int(number) for number in text.split(","))


def _source_options(chosen: argparse.Namespace) -> dict[str, Any]:
    """Return what `_add_source_options` asked for, by the names of `load_checkpoint`."""
    from lstm_units.api.models import STAND_INS

    names = ("format", "unk", "eos", "part", "embedding", "decoder", "layers", "padding_rows")
    options = {name: getattr(chosen, name) for name in names}
    return options | {"stand_ins": tuple(chosen.stand_in or STAND_INS)}


def _add_convert(commands: argparse._SubParsersAction) -> None:
    parser = _command(
        commands,
        "convert",
        "convert a checkpoint into a folder that all commands read",
        "The folder gets model.safetensors,\nmodel.json and vocab.txt. A pickle is read without "
        "running it.",
        "lstm-units convert hidden650.pt vocab.txt models/gulordava",
        _convert,
    )
    parser.add_argument("source", metavar="SOURCE", type=Path, help="the file of the weights")
    parser.add_argument(
        "vocabulary",
        metavar="VOCABULARY",
        type=Path,
        help="one word a line, in the order of the embedding rows",
    )
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        type=Path,
        help="where to write; a converted checkpoint there is replaced",
    )
    _add_source_options(parser)


def _convert(chosen: argparse.Namespace) -> None:
    for path, what in ((chosen.source, "checkpoint"), (chosen.vocabulary, "vocabulary")):
        if not path.is_file():
            raise UserError(f"there is no {what} {path}; give the path of a file")

    from lstm_units.api.files import check_conversion
    from lstm_units.models.checkpoints import CheckpointSource, convert_checkpoint

    source = CheckpointSource(chosen.source, chosen.vocabulary, **_source_options(chosen))
    check_conversion(chosen.source, chosen.vocabulary, chosen.folder)
    description = convert_checkpoint(source, chosen.folder)
    sizes = " + ".join(map(str, description["layer_sizes"]))
    difference = description["verification"]["largest_log_probability_difference"]
    print(
        f"{chosen.folder}: LSTM of {sizes} units, {description['vocabulary_size']} words; "
        f"log-probabilities differ from torch.nn.LSTM's by at most {difference:.2g}"
    )


def _add_score(commands: argparse._SubParsersAction) -> None:
    parser = _command(
        commands,
        "score",
        "score stimuli with a model, and print its accuracy",
        "An item is right\nif the correct verb form is the likelier of the two. Items of which the "
        "model\nlacks a form are left out.",
        "lstm-units score models/wikipedia650 my_pairs.tsv --output items.csv",
        _score,
    )
    parser.add_argument(
        "checkpoint", metavar="CHECKPOINT", type=Path, help="a converted folder, or weights"
    )
    parser.add_argument(
        "stimuli",
        metavar="STIMULI",
        type=Path,
        nargs="+",
        help="a Parquet file of the workflow, minimal pairs (a table with columns prefix, good, "
        "bad, condition), or a file in the released or Linzen format",
    )
    parser.add_argument("--vocabulary", type=Path, help="for a checkpoint that is not converted")
    _add_source_options(parser)
    parser.add_argument(
        "--stimuli-format",
        choices=_STIMULI_FORMATS,
        default="auto",
        help="of all files of stimuli (default: %(default)s)",
    )
    parser.add_argument(
        "--gold",
        type=Path,
        help="for one file in the Linzen format (default: the file beside it that ends in .gold)",
    )
    parser.add_argument(
        "--drop-duplicates",
        action="store_true",
        help="leave out an item that stands in its file already, instead of refusing the file",
    )
    parser.add_argument(
        "--context",
        type=Path,
        help="text read before each item (default: the English one, if the model is of English)",
    )
    parser.add_argument(
        "--case",
        choices=("true", "lower", "paper"),
        default="true",
        help="of the context (default: %(default)s, as written)",
    )
    parser.add_argument(
        "--device", default="cpu", help="cpu, cuda, cuda:N or auto (default: %(default)s)"
    )
    parser.add_argument("--output", type=Path, help="write every item, to a .csv or .parquet file")


def _score(chosen: argparse.Namespace) -> None:
    if chosen.output is not None and chosen.output.suffix not in (".csv", ".parquet"):
        raise UserError(
            f"cannot write items to {chosen.output}: the name must end in .csv or .parquet"
        )
    names = [path.stem for path in chosen.stimuli]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two files of stimuli are called {name}; their names name the tasks")

    if chosen.gold is not None and len(chosen.stimuli) > 1:
        raise UserError(
            f"--gold {chosen.gold} belongs to one file of stimuli, but {len(chosen.stimuli)} are "
            "given; score that file alone"
        )

    from lstm_units.api.files import check_output
    from lstm_units.api.models import (
        accuracy,
        context_from,
        load_checkpoint,
        score,
    )
    from lstm_units.api.stimuli import known_items_of, read_stimuli
    from lstm_units.io.plain_text import visible
    from lstm_units.io.table_formats import format_markdown

    context = replace(context_from(chosen.context), case=chosen.case)
    if chosen.output is not None:
        check_output(chosen.output, _inputs(chosen, Path(context.path)))
    on_duplicate = "drop" if chosen.drop_duplicates else "error"
    stimuli = {
        path.stem: read_stimuli(
            path, chosen.stimuli_format, gold=chosen.gold, on_duplicate=on_duplicate
        )
        for path in chosen.stimuli
    }
    model = load_checkpoint(
        chosen.checkpoint,
        chosen.vocabulary,
        **_source_options(chosen),
        device=chosen.device,
    )
    scores = {}
    for path, (task, items) in zip(chosen.stimuli, stimuli.items(), strict=True):
        known = known_items_of(model, items, str(path))
        scores[task] = score(model, known, context=context)
    table = accuracy(scores)
    table["condition"] = table["condition"].map(visible)
    for name in ("accuracy", "ci_low", "ci_high"):
        table[name] = 100 * table[name]
    headers = {"accuracy": "accuracy %", "ci_low": "95 % from", "ci_high": "to"}
    headers["n_near_ties"] = "near ties"
    print(format_markdown(table, headers=headers), end="")
    if chosen.output is not None:
        _write_items(model, scores, chosen.output)


def _inputs(chosen: argparse.Namespace, context: Path) -> list[Path]:
    """Return the files, and the folder of a converted checkpoint, that are read."""
    weights = chosen.checkpoint
    vocabulary = chosen.vocabulary or weights.parent / "vocab.txt"
    gold = [chosen.gold] if chosen.gold else [path.with_suffix(".gold") for path in chosen.stimuli]
    return [weights, vocabulary, context, *gold, *chosen.stimuli]


def _write_items(model: "LanguageModel", scores: dict[str, "pd.DataFrame"], output: Path) -> None:
    import pandas as pd
    import pyarrow as pa

    from lstm_units.io.files import make_metadata, write_parquet
    from lstm_units.io.table_formats import write_table

    parts = [frame.assign(task=task) for task, frame in scores.items()]
    items = pd.concat(parts, ignore_index=True)
    items.attrs = {}  # Parquet would keep the hashes of the items
    items = items[["task", *(name for name in items.columns if name != "task")]]
    if output.suffix == ".csv":
        write_table(items, output)
    else:
        metadata = make_metadata(kind="scores", checkpoint_sha256=model.sha256)
        write_parquet(pa.Table.from_pandas(items, preserve_index=False), output, metadata)


def _add_card(commands: argparse._SubParsersAction) -> None:
    parser = _command(
        commands,
        "card",
        "write the card of a unit, a page of all that the results say of it",
        "Nothing\nis computed anew.",
        "lstm-units card wikipedia650 832",
        _card,
    )
    parser.add_argument("model", metavar="MODEL", help="its name, that of a folder of the results")
    parser.add_argument("unit", metavar="UNIT", type=int, help="counted from 1 through all layers")
    parser.add_argument(
        "--results", type=Path, default=Path("results"), help="folder (default: %(default)s)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        help="HTML file (default: cards/unit_UNIT.html in the folder of the model's results)",
    )


def _card(chosen: argparse.Namespace) -> None:
    print(write_card(chosen.results, chosen.model, chosen.unit, chosen.output))


def write_card(results: Path, model: str, unit: int, output: Path | None = None) -> Path:
    """Write the card of a unit from a folder of results alone; nothing is computed anew.

    Parameters
    ----------
    results : Path
        Folder of all results.
    model : str
        Name of a model in it.
    unit : int
        1-based.
    output : Path, optional
        By default ``{results}/{model}/cards/unit_{unit}.html``.

    Returns
    -------
    Path
        The page that was written.

    Raises
    ------
    UserError
        If there are no such results, or they are damaged or do not belong together.
    InterventionError
        If the model has no such unit.
    """
    from lstm_units.cards.card import CardSettings
    from lstm_units.cards.page import unit_page
    from lstm_units.cards.reader import MODEL
    from lstm_units.io.files import write_text
    from lstm_units.io.result_files import ResultFiles

    known = sorted(path.parents[1].name for path in results.glob(f"*/{MODEL}"))
    if not known:
        raise UserError(
            f"there are no results of any model in {results}: no */{MODEL}. Run the workflow "
            "first, or name the folder of the results with --results"
        )
    if model not in known:
        raise UserError(
            f"{results} has no results of a model {model!r}; it has those of {', '.join(known)}"
        )
    path = output or results / model / "cards" / f"unit_{unit}.html"
    write_text(unit_page(ResultFiles(results / model), unit, CardSettings()), path)
    return path


if __name__ == "__main__":
    sys.exit(main())
