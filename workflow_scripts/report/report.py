"""The report: one page on all models."""

from pathlib import Path

from lstm_units.io.files import write_text
from lstm_units.report.data import ReportModel, ReportSettings, Run
from lstm_units.report.page import report_page
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    output = Path(snakemake.output.page)
    page = report_page(
        run=Run(Path(snakemake.params.results), tuple(map(Path, snakemake.input)), output),
        models=[ReportModel(**entry) for entry in snakemake.params.models],
        config=snakemake.params.config,
        settings=ReportSettings(snakemake.params.labels),
        benchmarks=snakemake.params.benchmarks,
    )
    write_text(page, output)
    print(f"{output}: {len(page.encode()) / 1e6:.1f} MB")
