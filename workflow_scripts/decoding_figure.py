"""Figure 2, and the figures of further analyses of generalisation across time."""

from lstm_units.console import job
from lstm_units.steps_decoding_figure import write_decoding_figure

with job(snakemake.log[0]):
    write_decoding_figure(
        dict(zip(snakemake.params.hold_outs, snakemake.input.decoding, strict=True)),
        snakemake.input.stimuli,
        snakemake.input.shown,
        list(snakemake.output),
    )
