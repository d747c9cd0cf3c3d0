# Weights to the verb forms: Figure 1d.

VERB_PAIRS = config["efferents"]["verb_pairs"]


rule efferents:
    input:
        weights="<results>/{model}/checkpoint/model.safetensors",
        verb_pairs=file(VERB_PAIRS) if VERB_PAIRS is not None else [],
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
        code=code("efferents/efferents.py"),
    script:
        "../workflow_scripts/efferents/efferents.py"


rule efferent_words:
    input:
        weights="<results>/{model}/checkpoint/model.safetensors",
        dynamics=lambda wildcards: f"<results>/{wildcards.model}/dynamics/{drawn_task()}.parquet",
        stimuli=lambda wildcards: f"<results>/{wildcards.model}/stimuli/{drawn_task()}.parquet",
    output:
        words="<results>/{model}/efferents/words.parquet",
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
        code=code("efferents/efferent_words.py"),
    script:
        "../workflow_scripts/efferents/efferent_words.py"


rule efferents_table:
    input:
        units="<results>/{model}/efferents/units.parquet",
        words="<results>/{model}/efferents/words.parquet",
        shown="<results>/{model}/units/shown.json",
    output:
        table=table("efferents", "efferent weights"),
    log:
        "<logs>/{model}/efferents_table.log",
    benchmark:
        "<benchmarks>/{model}/efferents_table.tsv"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        code=code("efferents/efferents_table.py"),
    script:
        "../workflow_scripts/efferents/efferents_table.py"


rule figure1d:
    input:
        weights="<results>/{model}/efferents/weights.parquet",
        units="<results>/{model}/efferents/units.parquet",
        shown="<results>/{model}/units/shown.json",
    output:
        figure=figure("fig1d", "Figure 1d"),
    log:
        "<logs>/{model}/figure1d.log",
    benchmark:
        "<benchmarks>/{model}/figure1d.tsv"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        code=code("efferents/figure1d.py"),
    script:
        "../workflow_scripts/efferents/figure1d.py"
