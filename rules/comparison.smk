# All models side by side.

from lstm_units.config.analysis_plan import claim_criteria, model_entries
from lstm_units.config.run_files import compared_files, training_runs


rule models:
    input:
        claims=collect("<results>/{model}/claims.json", model=config["models"]),
        results=[path for model in config["models"] for path in compared_files(config, model)],
        stimuli=per_task("<results>/stimuli/{task}.parquet", config["tasks"]),
    output:
        csv=in_report("<results>/models.csv", "models side by side", "Claims", "models"),
        markdown="<results>/models.md",
        json="<results>/models.json",
    log:
        "<logs>/models.log",
    benchmark:
        "<benchmarks>/models.tsv"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        results=lambda wildcards: folder("results"),
        models=model_entries(config),
        labels=labels(),
        criteria=claim_criteria(config),
        code=code("comparison/models.py"),
    script:
        "../workflow_scripts/comparison/models.py"


rule training_figure:
    input:
        models="<results>/models.json",
        stimuli=per_task("<results>/stimuli/{task}.parquet", config["tasks"]),
    output:
        figure=[
            "<results>/training/{run}.pdf",
            in_report("<results>/training/{run}.png", "training run {run}", "Claims", "training"),
        ],
    log:
        "<logs>/training_{run}.log",
    benchmark:
        "<benchmarks>/training_{run}.tsv"
    wildcard_constraints:
        run=alternatives(training_runs(config)),
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        results=lambda wildcards: folder("results"),
        code=code("comparison/training_figure.py"),
    script:
        "../workflow_scripts/comparison/training_figure.py"
