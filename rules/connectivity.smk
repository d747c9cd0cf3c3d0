# Connectivity: what drives the gates of the number units (Figure 4).

from lstm_units.config.analysis_plan import connectivity_task

list_of = lambda name: (lambda wildcards: lists_of_units(config, wildcards.model).get(name, []))


rule afferents:
    input:
        weights="<results>/{model}/checkpoint/model.safetensors",
        dump=lambda wildcards: (
            f"<results>/{wildcards.model}/activations/{connectivity_task(config)}"
        ),
        stimuli=lambda wildcards: (
            f"<results>/{wildcards.model}/stimuli/{connectivity_task(config)}.parquet"
        ),
        shown="<results>/{model}/units/shown.json",
        short_range=list_of("short_range"),
        syntax=list_of("syntax"),
    output:
        afferents="<results>/{model}/connectivity/afferents.parquet",
    log:
        "<logs>/{model}/afferents.log",
    benchmark:
        "<benchmarks>/{model}/afferents.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=growing(2048),
    params:
        threshold=config["connectivity"]["threshold"],
        code=code("connectivity/afferents.py"),
    script:
        "../workflow_scripts/connectivity/afferents.py"


rule connectivity_graph:
    input:
        afferents="<results>/{model}/connectivity/afferents.parquet",
        shown="<results>/{model}/units/shown.json",
        short_range=list_of("short_range"),
        syntax=list_of("syntax"),
    output:
        graph="<results>/{model}/connectivity/graph.graphml",
    log:
        "<logs>/{model}/connectivity_graph.log",
    benchmark:
        "<benchmarks>/{model}/connectivity_graph.tsv"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        code=code("connectivity/connectivity_graph.py"),
    script:
        "../workflow_scripts/connectivity/connectivity_graph.py"


rule connectivity_table:
    input:
        afferents="<results>/{model}/connectivity/afferents.parquet",
        shown="<results>/{model}/units/shown.json",
        syntax=list_of("syntax"),
    output:
        table=table("connectivity", "connections"),
        summary="<results>/{model}/connectivity/summary.json",
    log:
        "<logs>/{model}/connectivity_table.log",
    benchmark:
        "<benchmarks>/{model}/connectivity_table.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        code=code("connectivity/connectivity_table.py"),
    script:
        "../workflow_scripts/connectivity/connectivity_table.py"


rule figure4:
    input:
        afferents="<results>/{model}/connectivity/afferents.parquet",
        shown="<results>/{model}/units/shown.json",
        syntax=list_of("syntax"),
    output:
        a=figure("fig4a", "Figure 4a"),
        b=figure("fig4b", "Figure 4b"),
    log:
        "<logs>/{model}/figure4.log",
    benchmark:
        "<benchmarks>/{model}/figure4.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        code=code("connectivity/figure4.py"),
    script:
        "../workflow_scripts/connectivity/figure4.py"
