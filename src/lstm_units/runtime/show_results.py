"""Print Table 2, units and claims of every model of a folder, and where the rest is.

``python -m lstm_units.runtime.show_results`` (folder ``results``), or with the folder as its
argument.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

FOLDERS = {
    "tables": "Tables 1 and 2, depth, controls, connections and more (CSV, Markdown, LaTeX)",
    "figures": "all units at a glance, Figures 1 to 4, and more (PDF, PNG)",
    "units": "discovered units, with the evidence",
    "ablation": "accuracy of every unit, and every margin",
    "intact": "the intact model on every item",
    "activations": "every gate, cell and hidden value at every word",
}


def describe_results(results: str | Path) -> str:
    """Word what stands in a folder of results: Table 2, units, claims, folders, report."""
    lines: list[str] = []
    for table in sorted(Path(results).glob("*/tables/table2.md")):
        model = table.parents[1]
        text = table.read_text(encoding="utf-8").partition("<!--")[0].strip()
        lines += ["", f"Table 2, {model.name}", "", text, ""]
        for name in ("short_range", "syntax"):
            found = model / "units" / f"{name}.json"
            if found.exists():
                lines += [json.loads(found.read_text(encoding="utf-8"))["summary"], ""]
        audit = model / "claims.json"
        if audit.exists():
            counts = json.loads(audit.read_text(encoding="utf-8"))["summary"]
            said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
            lines += [f"Claims of the paper: {said} ({model / 'claims.md'}).", ""]
        folders = {name: what for name, what in FOLDERS.items() if (model / name).is_dir()}
        lines += [f"{model / name}: {what}" for name, what in folders.items()]
    if not lines:
        return f"no Table 2 under {results}: run `make results` or `snakemake --cores 2` first"
    report = Path(results) / "report.html"
    if report.exists():
        lines += ["", f"{report}: all of this on one page, to open in a browser"]
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    """Print the description of the folder named by the first argument."""
    print(describe_results(arguments[0] if arguments else "results"))


if __name__ == "__main__":
    main(sys.argv[1:])
