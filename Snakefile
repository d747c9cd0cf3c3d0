# The front door. What to run stands in config.yaml, how to run it in profiles/.

from snakemake.utils import min_version

min_version("9.19")


report: "rules/captions/workflow.rst"


include: "rules/common.smk"
include: "rules/run.smk"
include: "rules/models.smk"
include: "rules/stimuli.smk"
include: "rules/depth_corpus.smk"
include: "rules/interventions.smk"
include: "rules/activations.smk"
include: "rules/long_range_units.smk"
include: "rules/dynamics.smk"
include: "rules/efferents.smk"
include: "rules/decoding.smk"
include: "rules/contributions.smk"
include: "rules/depth.smk"
include: "rules/syntax_units.smk"
include: "rules/controls.smk"
include: "rules/connectivity.smk"
include: "rules/claims.smk"
include: "rules/comparison.smk"
include: "rules/cards.smk"
include: "rules/report.smk"
include: "rules/training.smk"


from lstm_units.config.run_files import (
    all_shards,
    analysis_files,
    identity_files,
    main_files,
    training_figures,
)


rule all:
    default_target: True
    input:
        "<results>/report.html",
        [path for model in config["models"] for path in main_files(model)],
        [path for model in config["models"] for path in analysis_files(config, model)],
        training_figures(config),
        "<results>/stimuli/balance.csv",
        identity_files(config),
        # Shards are targets, so that a lost one is noticed even when the tables are up to date.
        lambda wildcards: all_shards(
            config, {model: layer_sizes(model) for model in config["models"]}
        ),
    localrule: True
