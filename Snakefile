# The front door. What to run stands in config.yaml, how to run it in profiles/.

from snakemake.utils import min_version

min_version("9.19")


configfile: workflow.source_path("config.yaml")


report: "rules/captions/workflow.rst"


include: "rules/common.smk"
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


rule all:
    default_target: True
    input:
        "<results>/report.html",
        [path for model in config["models"] for path in main_files(model)],
        training_figures(),
        "<results>/stimuli/balance.csv",
        identity_checks,
        all_analyses,
        # Shards are targets, so that a lost one is noticed even when the tables are up to date.
        all_shards,
    localrule: True


onstart:
    before_the_first_job()


onsuccess:
    print_results()
