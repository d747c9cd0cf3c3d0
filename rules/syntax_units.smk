# Syntax units: outliers for depth that span the dependency of subject and verb. Figure 3.

from lstm_units.config.analysis_plan import structures

STRUCTURES = structures(config)


rule dependency_span:
    input:
        dumps=lambda wildcards: per_task(
            f"<results>/{wildcards.model}/activations/{{task}}", STRUCTURES
        ),
        stimuli=lambda wildcards: per_task(
            f"<results>/{wildcards.model}/stimuli/{{task}}.parquet", STRUCTURES
        ),
    output:
        span="<results>/{model}/dependency_span.parquet",
    log:
        "<logs>/{model}/dependency_span.log",
    benchmark:
        "<benchmarks>/{model}/dependency_span.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=growing(2048),
    params:
        verb=config["syntax_units"]["verb"],
        code=code("syntax_units/dependency_span.py"),
    script:
        "../workflow_scripts/syntax_units/dependency_span.py"


rule syntax_units:
    input:
        coefficients="<results>/{model}/depth/coefficients.parquet",
        permutations="<results>/{model}/depth/permutations.parquet",
        span="<results>/{model}/dependency_span.parquet",
        long_range="<results>/{model}/units/long_range.json",
    output:
        syntax="<results>/{model}/units/syntax.json",
    log:
        "<logs>/{model}/syntax_units.log",
    benchmark:
        "<benchmarks>/{model}/syntax_units.tsv"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        minimum_auc=config["syntax_units"]["minimum_auc"],
        code=code("syntax_units/syntax_units.py"),
    script:
        "../workflow_scripts/syntax_units/syntax_units.py"


rule figure3:
    input:
        dumps=lambda wildcards: per_task(
            f"<results>/{wildcards.model}/activations/{{task}}", STRUCTURES
        ),
        stimuli=lambda wildcards: per_task(
            f"<results>/{wildcards.model}/stimuli/{{task}}.parquet", STRUCTURES
        ),
        syntax="<results>/{model}/units/syntax.json",
    output:
        figure=figure("fig3", "Figure 3"),
    log:
        "<logs>/{model}/figure3.log",
    benchmark:
        "<benchmarks>/{model}/figure3.tsv"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        labels={task: label(task) for task in STRUCTURES},
        code=code("syntax_units/figure3.py"),
    script:
        "../workflow_scripts/syntax_units/figure3.py"


# For any unit:
#   snakemake --cores 1 results/MODEL/figures/dependency/unit_1150.png


rule unit_dependency_figure:
    input:
        dumps=lambda wildcards: per_task(
            f"<results>/{wildcards.model}/activations/{{task}}", STRUCTURES
        ),
        stimuli=lambda wildcards: per_task(
            f"<results>/{wildcards.model}/stimuli/{{task}}.parquet", STRUCTURES
        ),
        span="<results>/{model}/dependency_span.parquet",
    output:
        figure=figure("dependency/unit_{unit}", "unit {unit} over the dependency"),
    log:
        "<logs>/{model}/dependency_unit_{unit}.log",
    benchmark:
        "<benchmarks>/{model}/dependency_unit_{unit}.tsv"
    wildcard_constraints:
        unit="[1-9][0-9]*",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        labels={task: label(task) for task in STRUCTURES},
        code=code("syntax_units/unit_dependency_figure.py"),
    script:
        "../workflow_scripts/syntax_units/unit_dependency_figure.py"
