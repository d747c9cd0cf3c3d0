"""Perplexity over a training."""

import pandas as pd

from lstm_units.plots.style import write_figure
from lstm_units.runtime.console import job
from lstm_units.training.learning_curve import learning_curve

with job(snakemake.log[0]):
    figure = learning_curve(pd.read_csv(snakemake.input.history), run=snakemake.params.run)
    write_figure(figure, snakemake.output.figure)
