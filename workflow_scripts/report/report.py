"""The report: one page on all models."""

from pathlib import Path

from lstm_units.report.data import ReportModel, ReportSettings
from lstm_units.report.write_report import write_report
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_report(
        Path(snakemake.output[0]).parent,
        [ReportModel(**entry) for entry in snakemake.params.models],
        snakemake.input,
        snakemake.params.config,
        ReportSettings(snakemake.params.labels),
        snakemake.params.benchmarks,
        snakemake.output[0],
    )
