"""The card of a unit as HTML: a fragment for the report, and a page of its own."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lstm_units.cards.blocks import card_blocks
from lstm_units.cards.card import CardSettings, UnitCard

FRAGMENT_LEVEL, PAGE_LEVEL = 4, 2  # of the headings of blocks
_PAGES = Path(__file__).parents[1] / "report" / "pages"


def card_fragment(card: UnitCard, settings: CardSettings, level: int = FRAGMENT_LEVEL) -> str:
    """Write the card of a unit as HTML without title, to be put into a section of a page.

    Parameters
    ----------
    card : UnitCard
    settings : CardSettings
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
    card, settings
        As in `card_fragment`.
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
