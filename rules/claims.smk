# The claims of the paper, evaluated on one model, and the models side by side.


rule claims:
    input:
        lambda wildcards: claim_files(wildcards.model),
    output:
        "<results>/{model}/claims.json",
    log:
        "<logs>/{model}/claims.log",
    benchmark:
        "<benchmarks>/{model}/claims.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=growing(2048),
    params:
        audit=audit(),
        code=code("claims.py"),
    script:
        "../workflow_scripts/claims.py"


rule models:
    input:
        collect("<results>/{model}/claims.json", model=config["models"]),
        lambda wildcards: [path for model in config["models"] for path in model_files(model)],
    output:
        csv=in_report("<results>/models.csv", "models side by side", "models", "Claims"),
        markdown="<results>/models.md",
        json="<results>/models.json",
    log:
        "<logs>/models.log",
    benchmark:
        "<benchmarks>/models.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        models=model_entries(),
        labels=labels(),
        criteria=claim_criteria(),
        code=code("models.py"),
    script:
        "../workflow_scripts/models.py"


rule training_figure:
    input:
        "<results>/models.json",
    output:
        "<results>/training/{run}.pdf",
        in_report("<results>/training/{run}.png", "training run {run}", "training", "Claims"),
    log:
        "<logs>/training_{run}.log",
    benchmark:
        "<benchmarks>/training_{run}.tsv"
    wildcard_constraints:
        run=alternatives(training_runs()),
    conda:
        "../envs/cpu.yaml"
    params:
        code=code("training_figure.py"),
    script:
        "../workflow_scripts/training_figure.py"


rule claims_table:
    input:
        claims="<results>/{model}/claims.json",
        models="<results>/models.json",
    output:
        in_report("<results>/{model}/claims.csv", "claims", "claims", "Claims", model="{model}"),
        "<results>/{model}/claims.md",
    log:
        "<logs>/{model}/claims_table.log",
    benchmark:
        "<benchmarks>/{model}/claims_table.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        code=code("claims_table.py"),
    script:
        "../workflow_scripts/claims_table.py"
