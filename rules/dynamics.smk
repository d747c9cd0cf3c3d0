# What single units do over time, and what they do to the next word (Figure 1).


rule shown_units:
    input:
        description="<results>/{model}/checkpoint/model.json",
        long_range="<results>/{model}/units/long_range.json",
        accuracy=f"<results>/{{model}}/ablation/{config['discovery']['mode']}/accuracy.parquet",
        syntax=top_syntax_unit,
    output:
        "<results>/{model}/units/shown.json",
    log:
        "<logs>/{model}/shown_units.log",
    benchmark:
        "<benchmarks>/{model}/shown_units.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        tasks=config["discovery"]["tasks"],
        named=lambda wildcards: named_units(config, wildcards.model),
        syntax=lambda wildcards: syntax_unit(config, wildcards.model),
        arbitrary=config["shown_units"]["arbitrary"],
        seed=config["shown_units"]["seed"],
        code=code("shown_units.py"),
    script:
        "../workflow_scripts/shown_units.py"


rule dynamics:
    input:
        dump="<results>/{model}/activations/{task}",
        stimuli="<results>/{model}/stimuli/{task}.parquet",
        intact="<results>/{model}/intact/{task}.parquet",
    output:
        "<results>/{model}/dynamics/{task}.parquet",
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
        code=code("dynamics.py"),
    script:
        "../workflow_scripts/dynamics.py"


rule figure1:
    input:
        dynamics=lambda wildcards: f"<results>/{wildcards.model}/dynamics/{drawn_task()}.parquet",
        stimuli=lambda wildcards: f"<results>/{wildcards.model}/stimuli/{drawn_task()}.parquet",
        shown="<results>/{model}/units/shown.json",
    output:
        a=figure("fig1a", "Figure 1a", "fig1ab", "Dynamics"),
        b=figure("fig1b", "Figure 1b", "fig1ab", "Dynamics"),
        c=figure("fig1c", "Figure 1c", "fig1c", "Dynamics"),
    log:
        "<logs>/{model}/figure1.log",
    benchmark:
        "<benchmarks>/{model}/figure1.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        code=code("figure1.py"),
    script:
        "../workflow_scripts/figure1.py"


# For any unit and any dumped task:
#   snakemake --cores 1 results/MODEL/figures/dynamics/TASK/unit_776.png
rule unit_dynamics_figure:
    input:
        dynamics="<results>/{model}/dynamics/{task}.parquet",
        stimuli="<results>/{model}/stimuli/{task}.parquet",
    output:
        figure(
            "dynamics/{task}/unit_{unit}",
            "unit {unit} over time, {task}",
            "unit_dynamics",
            "Dynamics",
        ),
    log:
        "<logs>/{model}/dynamics_{task}_unit_{unit}.log",
    benchmark:
        "<benchmarks>/{model}/dynamics_{task}_unit_{unit}.tsv"
    wildcard_constraints:
        unit="[1-9][0-9]*",
    conda:
        "../envs/cpu.yaml"
    params:
        code=code("unit_dynamics_figure.py"),
    script:
        "../workflow_scripts/unit_dynamics_figure.py"


rule efferents:
    input:
        weights="<results>/{model}/checkpoint/model.safetensors",
        verb_pairs=verb_pairs(),
    output:
        weights="<results>/{model}/efferents/weights.parquet",
        units="<results>/{model}/efferents/units.parquet",
    log:
        "<logs>/{model}/efferents.log",
    benchmark:
        "<benchmarks>/{model}/efferents.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        correction=config["statistics"]["correction"],
        code=code("efferents.py"),
    script:
        "../workflow_scripts/efferents.py"


rule efferent_words:
    input:
        weights="<results>/{model}/checkpoint/model.safetensors",
        dynamics=lambda wildcards: f"<results>/{wildcards.model}/dynamics/{drawn_task()}.parquet",
        stimuli=lambda wildcards: f"<results>/{wildcards.model}/stimuli/{drawn_task()}.parquet",
    output:
        "<results>/{model}/efferents/words.parquet",
    log:
        "<logs>/{model}/efferent_words.log",
    benchmark:
        "<benchmarks>/{model}/efferent_words.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=growing(2048),
    params:
        words=config["efferents"]["words"],
        code=code("efferent_words.py"),
    script:
        "../workflow_scripts/efferent_words.py"


rule efferents_table:
    input:
        units="<results>/{model}/efferents/units.parquet",
        words="<results>/{model}/efferents/words.parquet",
        shown="<results>/{model}/units/shown.json",
    output:
        table("efferents", "efferent weights", "efferents", "Dynamics"),
    log:
        "<logs>/{model}/efferents_table.log",
    benchmark:
        "<benchmarks>/{model}/efferents_table.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        code=code("efferents_table.py"),
    script:
        "../workflow_scripts/efferents_table.py"


rule figure1d:
    input:
        weights="<results>/{model}/efferents/weights.parquet",
        units="<results>/{model}/efferents/units.parquet",
        shown="<results>/{model}/units/shown.json",
    output:
        figure("fig1d", "Figure 1d", "fig1d", "Dynamics"),
    log:
        "<logs>/{model}/figure1d.log",
    benchmark:
        "<benchmarks>/{model}/figure1d.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        code=code("figure1d.py"),
    script:
        "../workflow_scripts/figure1d.py"
