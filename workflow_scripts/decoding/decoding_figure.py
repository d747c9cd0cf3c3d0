"""Figure 2, and the figures of further analyses of generalisation across time."""

from lstm_units.analyses.decoding.write_figure2 import write_decoding_figure
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_decoding_figure(
        dict(zip(snakemake.params.hold_outs, snakemake.input.decoding, strict=True)),
        snakemake.input.stimuli,
        snakemake.input.shown,
        list(snakemake.output),
    )
