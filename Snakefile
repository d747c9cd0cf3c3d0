# The front door. What to run stands in config.yaml, how to run it in profiles/.

from snakemake.utils import min_version

min_version("9.19")


configfile: workflow.source_path("config.yaml")


report: "rules/captions/workflow.rst"


include: "rules/common.smk"
include: "rules/checkpoints.smk"
include: "rules/stimuli.smk"
include: "rules/intact.smk"
include: "rules/ablation.smk"
include: "rules/units.smk"
include: "rules/tables.smk"
include: "rules/activations.smk"
include: "rules/dynamics.smk"
include: "rules/decoding.smk"
include: "rules/contributions.smk"
include: "rules/depth.smk"
include: "rules/syntax.smk"
include: "rules/controls.smk"
include: "rules/connectivity.smk"
include: "rules/claims.smk"
include: "rules/report.smk"
include: "rules/training.smk"


# On a cluster these run beside Snakemake itself: seconds, and less than 700 MB.
localrules:
    check_balance,
    claims_table,
    connectivity_graph,
    contributions_figure,
    contributions_table,
    controls_figure,
    controls_table,
    decoding_figure,
    depth_figure,
    depth_positions,
    depth_scores,
    depth_sentences,
    depth_table,
    efferents_table,
    figure1d,
    figure3,
    generate_stimuli,
    import_stimuli,
    learning_curve,
    long_range_sets,
    model_card,
    models,
    permuted_outliers,
    select_known_items,
    short_range_units,
    shown_units,
    syntax_units,
    table1,
    table2,
    training_figure,
    unit_decoding_figure,
    unit_dependency_figure,
    unit_dynamics_figure,
    unit_lists,


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
