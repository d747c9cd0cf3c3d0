"""The audit of one model in print: a table for machines, and a page to read."""

import json
from collections.abc import Mapping

import pandas as pd

from lstm_units.claims.catalogue import every_claim
from lstm_units.errors import UserError
from lstm_units.io.files import make_metadata
from lstm_units.io.results import Result
from lstm_units.io.table_formats import format_markdown
from lstm_units.io.verdict import FAILS, HOLDS, NOT_TESTABLE, Verdict

COLUMNS = ["id", "claim", "verdict", "measured", "paper", "criterion", "reason", "data"]
_SHOWN = ["id", "claim", "verdict", "measured", "paper"]


def all_verdicts(claims: Result, models: Result) -> dict[str, Verdict]:
    """Gather the verdicts on one model, and the one on all models together: C1 to C24.

    Parameters
    ----------
    claims : Result
        From `lstm_units.claims.audit.audit_claims`.
    models : Result
        ``models.json``; its ``replication`` is the verdict on C24.

    Raises
    ------
    UserError
        If a claim has no verdict.
    """
    found = {**claims.content["verdicts"], "C24": models.content["replication"]}
    missing = [name for name in every_claim() if name not in found]
    if missing:
        raise UserError(
            f"{claims.source} has no verdict on {', '.join(missing)}. Delete it and run the "
            "workflow again"
        )
    return {name: Verdict.from_json(entry) for name, entry in found.items()}


def claims_table(verdicts: Mapping[str, Verdict]) -> pd.DataFrame:
    """Make one row of text per claim, in the order of their numbers; columns are `COLUMNS`."""
    rows = []
    for claim in every_claim().values():
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


def claims_page(claims: Result, verdicts: Mapping[str, Verdict]) -> str:
    """Print the audit as Markdown that reads as plain text.

    Parameters
    ----------
    claims : Result
        From `lstm_units.claims.audit.audit_claims`: says which model, and how it was audited.
    verdicts : mapping of str to Verdict
        From `all_verdicts`.
    """
    table = claims_table(verdicts)
    count = table["verdict"].value_counts()
    # Where nothing was measured the table says why.
    why = "nothing: " + table["reason"]
    measured = table["measured"].where((table["measured"] != "") | (table["reason"] == ""), why)
    held, failed, untested = (int(count.get(name, 0)) for name in (HOLDS, FAILS, NOT_TESTABLE))
    lines = [
        f"# The claims of Lakretz et al. 2019 on {claims.content['model']}",
        "",
        f"{len(table)} claims: {held} hold, {failed} fail, {untested} are not testable. "
        "Accuracies are shares of 1, brackets are intervals; a star marks a threshold that is not "
        "the paper's. `claims.json` holds every measured value.",
        "",
        format_markdown(table[_SHOWN].assign(measured=measured)),
    ]
    for claim in every_claim().values():
        verdict = verdicts[claim.id]
        lines += [f"## {claim.id} {claim.claim}: {verdict.verdict}", ""]
        for title in ("criterion", "reason", "measured"):
            text = getattr(verdict, title)
            if text:
                lines += [f"{title.capitalize()}: {_sentence(_escaped(text))}", ""]
        lines += [f"In the paper: {_escaped(claim.paper)} ({claim.source}).", ""]
        if verdict.data:
            lines += [f"From: {', '.join(f'`{name}`' for name in verdict.data)}.", ""]
    kept = {key: claims.metadata.get(key) for key in ("checkpoint_sha256", "config", "seed")}
    metadata = make_metadata(kind="table of claims", **kept)
    note = json.dumps(metadata, sort_keys=True).replace("--", "- -")  # two would end the comment
    return "\n".join(lines).rstrip() + f"\n\n<!-- {note} -->\n"


def _sentence(text: str) -> str:
    """End a text with a full stop."""
    return text if text.endswith(".") else f"{text}."


def _escaped(text: str) -> str:
    """Keep stars from being read as emphasis."""
    return text.replace("*", "\\*")
