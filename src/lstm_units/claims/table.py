"""The step that prints the audit of one model: a table for machines, and one to read."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from lstm_units.claims.verdict import CLAIMS, FAILS, HOLDS, NOT_TESTABLE, Verdict
from lstm_units.errors import UserError
from lstm_units.io.files import make_metadata, read_json, read_metadata, write_text
from lstm_units.io.table_formats import format_markdown, write_table

COLUMNS = ["id", "claim", "verdict", "measured", "paper", "criterion", "reason", "data"]
_SHOWN = ["id", "claim", "verdict", "measured", "paper"]


def write_claims_table(
    claims: str | Path, models_json: str | Path, outputs: Sequence[str | Path]
) -> None:
    """Write the audit of one model as tables of all claims, C1 to C24.

    Parameters
    ----------
    claims : path
        ``{model}/claims.json`` of `lstm_units.claims.write_claims.write_claims`.
    models_json : path
        ``models.json``; its ``replication`` is the verdict on C24.
    outputs : sequence of path
        ``.csv``: ``id, claim, verdict, measured, paper, criterion, reason, data``, one row per
        claim. ``.md``: the same to read. Every measured value stands in `claims`.

    Raises
    ------
    UserError
        If a file is damaged, a claim has no verdict, or the name of an output ends otherwise.
    """
    entry = read_json(claims)
    verdicts = {name: Verdict.from_json(found) for name, found in entry["verdicts"].items()}
    verdicts["C24"] = Verdict.from_json(read_json(models_json)["replication"])
    missing = [name for name in CLAIMS if name not in verdicts]
    if missing:
        raise UserError(
            f"{claims} has no verdict on {', '.join(missing)}. Delete it and run the workflow again"
        )
    table = claims_table(verdicts)
    found = read_metadata(claims)
    metadata = make_metadata(
        kind="table of claims",
        checkpoint_sha256=found.get("checkpoint_sha256"),
        config=found.get("config"),
        seed=found.get("seed"),
    )
    for path in outputs:
        if Path(path).suffix == ".md":
            write_text(claims_page(entry["model"], verdicts, table, metadata), path)
        else:
            write_table(table, path)


def claims_table(verdicts: Mapping[str, Verdict]) -> pd.DataFrame:
    """Make one row per claim, in the order of their numbers.

    Parameters
    ----------
    verdicts : mapping of str to Verdict

    Returns
    -------
    DataFrame
        ``id, claim, verdict, measured, paper, criterion, reason, data``, all of text.
    """
    rows = []
    for claim in CLAIMS.values():
        verdict = verdicts[claim.id]
        rows.append(
            {
                "id": claim.id,
                "claim": claim.claim,
                "verdict": verdict.verdict,
                "measured": verdict.measured,
                "paper": claim.paper,
                "criterion": verdict.criterion,
                "reason": verdict.reason or "",
                "data": "; ".join(verdict.data),
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def claims_page(
    model: str, verdicts: Mapping[str, Verdict], table: pd.DataFrame, metadata: Mapping
) -> str:
    """Print the audit as Markdown that reads as plain text.

    Parameters
    ----------
    model : str
    verdicts : mapping of str to Verdict
    table : DataFrame
        From `claims_table`.
    metadata : mapping
        Goes into a comment at the end.

    Returns
    -------
    str
    """
    count = table["verdict"].value_counts()
    # Where nothing was measured the table says why.
    why = "nothing: " + table["reason"]
    measured = table["measured"].where((table["measured"] != "") | (table["reason"] == ""), why)
    held, failed, untested = (int(count.get(name, 0)) for name in (HOLDS, FAILS, NOT_TESTABLE))
    lines = [
        f"# The claims of Lakretz et al. 2019 on {model}",
        "",
        f"{len(table)} claims: {held} hold, {failed} fail, {untested} are not testable. "
        "Accuracies are shares of 1, brackets are intervals; a star marks a threshold that is not "
        "the paper's. `claims.json` holds every measured value.",
        "",
        format_markdown(table[_SHOWN].assign(measured=measured)),
    ]
    for claim in CLAIMS.values():
        verdict = verdicts[claim.id]
        lines += [f"## {claim.id} {claim.claim}: {verdict.verdict}", ""]
        for title in ("criterion", "reason", "measured"):
            text = getattr(verdict, title)
            if text:
                lines += [f"{title.capitalize()}: {_sentence(_escaped(text))}", ""]
        lines += [f"In the paper: {_escaped(claim.paper)} ({claim.source}).", ""]
        if verdict.data:
            lines += [f"From: {', '.join(f'`{name}`' for name in verdict.data)}.", ""]
    note = json.dumps(dict(metadata), sort_keys=True).replace("--", "- -")  # would end the comment
    return "\n".join(lines).rstrip() + f"\n\n<!-- {note} -->\n"


def _sentence(text: str) -> str:
    """End a text with a full stop."""
    return text if text.endswith(".") else f"{text}."


def _escaped(text: str) -> str:
    """Keep stars from being read as emphasis."""
    return text.replace("*", "\\*")
