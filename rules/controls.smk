# Random-set controls: do the discovered units matter more than as many units drawn at random? The
# sets are ablated by rule ablate_sets.

from lstm_units.config.run_files import set_files

tasks_of_control = lambda wildcards: sorted(
    task for tasks in CONTROLS[wildcards.family].values() for task in tasks
)


rule control_sets:
    input:
        description="<results>/{model}/checkpoint/model.json",
        long_range="<results>/{model}/units/long_range.json",
        short_range=lambda wildcards: (
            []
            if wildcards.family == "syntax"
            else f"<results>/{wildcards.model}/units/short_range.json"
        ),
        syntax=lambda wildcards: (
            f"<results>/{wildcards.model}/units/syntax.json"
            if wildcards.family == "syntax"
            else []
        ),
    output:
        sets="<results>/{model}/controls/sets/{family}.parquet",
    log:
        "<logs>/{model}/control_sets_{family}.log",
    benchmark:
        "<benchmarks>/{model}/control_sets_{family}.tsv"
    wildcard_constraints:
        family=alternatives(CONTROLS),
    conda:
        "../envs/cpu.yaml"
    params:
        sets=config["controls"]["sets"],
        match=config["controls"]["match"],
        exclude_long_range=lambda wildcards: (
            wildcards.family == "syntax" and config["controls"]["exclude_long_range"]
        ),
        seed=config["controls"]["seed"],
        code=code("controls/control_sets.py"),
    script:
        "../workflow_scripts/controls/control_sets.py"


rule control_tests:
    input:
        sets="<results>/{model}/controls/sets/{family}.parquet",
        shards=lambda wildcards: set_files(config, wildcards.model, wildcards.family),
        intact=lambda wildcards: per_task(
            f"<results>/{wildcards.model}/intact/{{task}}.parquet",
            tasks_of_control(wildcards),
        ),
        stimuli=lambda wildcards: per_task(
            f"<results>/{wildcards.model}/stimuli/{{task}}.parquet",
            tasks_of_control(wildcards),
        ),
    output:
        accuracy="<results>/{model}/controls/accuracy/{family}.parquet",
        tests="<results>/{model}/controls/tests/{family}.parquet",
    log:
        "<logs>/{model}/control_tests_{family}.log",
    benchmark:
        "<benchmarks>/{model}/control_tests_{family}.tsv"
    wildcard_constraints:
        family=alternatives(CONTROLS),
    conda:
        "../envs/cpu.yaml"
    params:
        tasks=tasks_of_control,
        natural=tasks_with(config, "linzen"),
        minimum_intact=config["discovery"]["minimum_intact"],
        confidence=config["statistics"]["confidence"],
        near_tie=config["statistics"]["near_tie"],
        seed=config["controls"]["seed"],
        code=code("controls/control_tests.py"),
    script:
        "../workflow_scripts/controls/control_tests.py"


rule controls_table:
    input:
        tests=lambda wildcards: [
            f"<results>/{wildcards.model}/controls/tests/{family}.parquet" for family in CONTROLS
        ],
    output:
        table=table("controls", "random sets"),
    log:
        "<logs>/{model}/controls_table.log",
    benchmark:
        "<benchmarks>/{model}/controls_table.tsv"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        families=list(CONTROLS),
        labels=labels(),
        code=code("controls/controls_table.py"),
    script:
        "../workflow_scripts/controls/controls_table.py"


rule controls_figure:
    input:
        accuracy="<results>/{model}/controls/accuracy/{family}.parquet",
        tests="<results>/{model}/controls/tests/{family}.parquet",
        sets="<results>/{model}/controls/sets/{family}.parquet",
        stimuli=lambda wildcards: per_task(
            f"<results>/{wildcards.model}/stimuli/{{task}}.parquet",
            tasks_of_control(wildcards),
        ),
    output:
        figure=figure("controls_{family}", "random sets, {family}"),
    log:
        "<logs>/{model}/controls_figure_{family}.log",
    benchmark:
        "<benchmarks>/{model}/controls_figure_{family}.tsv"
    wildcard_constraints:
        family=alternatives(CONTROLS),
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        tasks=tasks_of_control,
        labels=labels(),
        code=code("controls/controls_figure.py"),
    script:
        "../workflow_scripts/controls/controls_figure.py"
