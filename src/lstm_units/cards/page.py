"""Cards of units as HTML: those of the notable ones for the report, and of any one as a page."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lstm_units.cards.blocks import card_blocks
from lstm_units.cards.card import CardSettings, UnitCard, with_recorded_settings
from lstm_units.cards.reader import CardReader
from lstm_units.io.files import make_metadata
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.results import Result

FRAGMENT_LEVEL, PAGE_LEVEL = 4, 2  # of the headings of blocks
_PAGES = Path(__file__).parents[1] / "report" / "pages"


def notable_cards(files: ResultFiles, settings: CardSettings) -> Result:
    """Make the cards of the units that any list names.

    Parameters
    ----------
    files : ResultFiles
        Of one model.
    settings : CardSettings
        See `with_recorded_settings`.

    Returns
    -------
    Result
        JSON: ``cards``, each with ``unit, layer, title, lists`` and the HTML of the card, ``html``
        (`card_fragment`); ``left_out``, the units beyond ``settings.maximum_cards``, and ``note``,
        how to make theirs (null if there are none).

    Raises
    ------
    UserError
        If the files are damaged or made from different checkpoints or stimuli.
    """
    settings = with_recorded_settings(settings, files)
    units = CardReader(files, settings).lists.notable()
    chosen, left_out = units[: settings.maximum_cards], units[settings.maximum_cards :]
    reader = CardReader(files, settings, tuple(chosen))
    cards = [reader.card(unit) for unit in chosen]
    note = f"`lstm-units card {files.name} UNIT` writes the card of any unit." if left_out else None
    return Result(
        {
            "cards": [
                {
                    "unit": card.unit,
                    "layer": card.layer,
                    "title": card.title,
                    "lists": [listing.name for listing in card.lists],
                    "html": card_fragment(card, settings),
                }
                for card in cards
            ],
            "left_out": left_out,
            "note": note,
        },
        make_metadata(
            kind="notable unit cards", checkpoint_sha256=reader.checkpoint.content["sha256"]
        ),
        "the notable cards",
    )


def unit_page(files: ResultFiles, unit: int, settings: CardSettings) -> str:
    """Make the card of a unit as a page of its own.

    Parameters
    ----------
    files : ResultFiles
        Of one model.
    unit : int
        1-based.
    settings : CardSettings
        See `with_recorded_settings`.

    Raises
    ------
    UserError
        As `notable_cards`.
    InterventionError
        If the model has no such unit.
    """
    settings = with_recorded_settings(settings, files)
    card = CardReader(files, settings, (unit,)).card(unit)
    metadata = make_metadata(kind="unit card", unit=unit, checkpoint_sha256=card.checkpoint_sha256)
    return card_page(card, settings, metadata)


def card_fragment(card: UnitCard, settings: CardSettings, level: int = FRAGMENT_LEVEL) -> str:
    """Write the card of a unit as HTML without title, to be put into a section of a page.

    Parameters
    ----------
    level : int
        Of the headings of its blocks.

    Returns
    -------
    str
        Every id in it begins with ``card-{model}-{unit}-``. Figures are inlined; nothing is read
        from the network. Equal cards give equal text.
    """
    template = _environment().get_template("card.html.j2")
    header = _header(card) | {"blocks": card_blocks(card, settings)}
    return template.render(card=header, level=level)


def card_page(card: UnitCard, settings: CardSettings, metadata: Mapping[str, Any]) -> str:
    """Write the card of a unit as a page of its own.

    Parameters
    ----------
    metadata : mapping
        From `lstm_units.io.files.make_metadata`; stands in the page's head.

    Returns
    -------
    str
        HTML that needs no other file.
    """
    return (
        _environment()
        .get_template("card_page.html.j2")
        .render(
            card=_header(card),
            # Both are ours: the sheet, and HTML that was escaped when it was made.
            style=Markup((_PAGES / "style.css").read_text(encoding="utf-8")),
            fragment=Markup(card_fragment(card, settings, PAGE_LEVEL)),
            metadata=dict(metadata),
        )
    )


def card_id(model: str, unit: int) -> str:
    """Return the id of the section that holds a card."""
    return f"card-{model}-{unit}"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _header(card: UnitCard) -> dict[str, Any]:
    layers = len(card.layer_sizes)
    where = (
        f"Layer {card.layer} of {layers}, unit {card.index} of the "
        f"{card.layer_sizes[card.layer - 1]:,} there. Model {card.model}, "
        f"{sum(card.layer_sizes):,} units in all."
    )
    return {
        "id": card_id(card.model, card.unit),
        "model": card.model,
        "title": card.title,
        "where": where,
        "lists": card.lists,
        "lists_files": card.lists_files,
        "lists_not_run": card.lists_not_run,
    }
