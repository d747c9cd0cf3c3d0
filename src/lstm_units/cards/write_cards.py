"""The steps that write unit cards: of one unit, and of the notable ones for the report."""

from pathlib import Path

from lstm_units.cards.card import CardSettings, settings_from
from lstm_units.cards.page import card_fragment, card_page
from lstm_units.cards.reader import MODEL, CardReader
from lstm_units.errors import UserError
from lstm_units.io.files import make_metadata, write_json, write_text
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.unit_numbers import layer_and_index


def write_card(files: ResultFiles, unit: int, settings: CardSettings, output: str | Path) -> None:
    """Write the card of a unit as a page of its own, such as ``cards/unit_776.html``.

    Parameters
    ----------
    files : ResultFiles
        Of one model.
    unit : int
        1-based.
    settings : CardSettings
    output : path

    Raises
    ------
    UserError
        If the model has no such unit, or the files are damaged or made from different checkpoints
        or stimuli.
    """
    reader = CardReader(files, settings, (unit,))
    card = reader.card(unit)
    metadata = make_metadata(kind="unit card", unit=unit, checkpoint_sha256=card.checkpoint_sha256)
    write_text(card_page(card, settings, metadata), output)


def write_notable_cards(files: ResultFiles, settings: CardSettings, output: str | Path) -> None:
    """Write ``cards/notable.json``: the cards of the units that any list names, for the report.

    Parameters
    ----------
    files : ResultFiles
        Of one model.
    settings : CardSettings
    output : path
        JSON: ``cards``, each with ``unit, layer, title, lists`` and the HTML of the card, ``html``
        (`lstm_units.cards.page.card_fragment`); ``left_out``, the units beyond
        ``settings.maximum_cards``, and ``note``, how to make theirs (null if there are none).

    Raises
    ------
    UserError
        As in `write_card`.
    """
    units = CardReader(files, settings).lists.notable()
    chosen, left_out = units[: settings.maximum_cards], units[settings.maximum_cards :]
    reader = CardReader(files, settings, tuple(chosen))
    cards = []
    for unit in chosen:
        card = reader.card(unit)
        cards.append(
            {
                "unit": unit,
                "layer": card.layer,
                "title": card.title,
                "lists": [listing.name for listing in card.lists],
                "html": card_fragment(card, settings),
            }
        )
    note = f"`lstm-units card {files.name} UNIT` writes the card of any unit." if left_out else None
    metadata = make_metadata(
        kind="notable unit cards", checkpoint_sha256=reader.description["sha256"]
    )
    write_json({"cards": cards, "left_out": left_out, "note": note}, output, metadata)


def write_card_from_results(
    results: Path, model: str, unit: int, output: Path | None = None
) -> Path:
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
        If there are no such results, or as in `write_card`.
    """
    results = Path(results)
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
    files = ResultFiles(results / model)
    sizes = CardReader(files, CardSettings()).layer_sizes
    layer_and_index(sizes, unit)  # for its check
    path = files.folder / "cards" / f"unit_{unit}.html" if output is None else Path(output)
    write_card(files, unit, settings_from(files), path)
    return path
