# Gates and cells from word to word: Figures 1a to 1c.


rule dynamics:
    input:
        dump="<results>/{model}/activations/{task}",
        stimuli="<results>/{model}/stimuli/{task}.parquet",
        intact="<results>/{model}/intact/{task}.parquet",
    output:
        dynamics="<results>/{model}/dynamics/{task}.parquet",
    log:
        "<logs>/{model}/dynamics_{task}.log",
    benchmark:
        "<benchmarks>/{model}/dynamics_{task}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=growing(2048),
    params:
        answers=config["dynamics"]["items"],
        code=code("dynamics/dynamics.py"),
    script:
        "../workflow_scripts/dynamics/dynamics.py"


rule figure1:
    input:
        dynamics=lambda wildcards: f"<results>/{wildcards.model}/dynamics/{drawn_task()}.parquet",
        stimuli=lambda wildcards: f"<results>/{wildcards.model}/stimuli/{drawn_task()}.parquet",
        shown="<results>/{model}/units/shown.json",
    output:
        a=figure("fig1a", "Figure 1a"),
        b=figure("fig1b", "Figure 1b"),
        c=figure("fig1c", "Figure 1c"),
    log:
        "<logs>/{model}/figure1.log",
    benchmark:
        "<benchmarks>/{model}/figure1.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        code=code("dynamics/figure1.py"),
    script:
        "../workflow_scripts/dynamics/figure1.py"


# For any unit and any dumped task:
#   snakemake --cores 1 results/MODEL/figures/dynamics/TASK/unit_776.png


rule unit_dynamics_figure:
    input:
        dynamics="<results>/{model}/dynamics/{task}.parquet",
        stimuli="<results>/{model}/stimuli/{task}.parquet",
    output:
        figure=figure("dynamics/{task}/unit_{unit}", "unit {unit} over time, {task}"),
    log:
        "<logs>/{model}/dynamics_{task}_unit_{unit}.log",
    benchmark:
        "<benchmarks>/{model}/dynamics_{task}_unit_{unit}.tsv"
    wildcard_constraints:
        unit="[1-9][0-9]*",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        code=code("dynamics/unit_dynamics_figure.py"),
    script:
        "../workflow_scripts/dynamics/unit_dynamics_figure.py"
