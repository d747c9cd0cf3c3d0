# The claims of the paper, evaluated on each model.

from lstm_units.config.analysis_plan import claim_criteria, subject_analysis, time_course_task
from lstm_units.config.run_files import audited_files

PAPER_TASKS = paper_tasks(config)
# What the audit knows of the experiment beside the results; a task that was swept first.
AUDIT = {
    "tasks": {
        task: PAPER_TASKS[task] for task in sorted(PAPER_TASKS, key=lambda t: not TASKS[t]["sweep"])
    },
    "labels": labels(),
    "mode": config["discovery"]["mode"],
    "analysis": subject_analysis(config),
    "dynamics_task": time_course_task(config),
}


rule claims:
    input:
        results=lambda wildcards: audited_files(
            config, wildcards.model, layer_sizes(wildcards.model)
        ),
    output:
        claims="<results>/{model}/claims.json",
    log:
        "<logs>/{model}/claims.log",
    benchmark:
        "<benchmarks>/{model}/claims.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=growing(2048),
    params:
        folder=model_folder,
        criteria=claim_criteria(config),
        audit=AUDIT,
        code=code("claims/claims.py"),
    script:
        "../workflow_scripts/claims/claims.py"


rule claims_table:
    input:
        claims="<results>/{model}/claims.json",
        models="<results>/models.json",
    output:
        table=in_report(
            "<results>/{model}/claims.csv", "claims", "Claims", "claims", model="{model}"
        ),
        page="<results>/{model}/claims.md",
    log:
        "<logs>/{model}/claims_table.log",
    benchmark:
        "<benchmarks>/{model}/claims_table.tsv"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        code=code("claims/claims_table.py"),
    script:
        "../workflow_scripts/claims/claims_table.py"
