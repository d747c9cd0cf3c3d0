# What can be read from the units at every word: from many (Figure 2), and from each alone.

from lstm_units.config.analysis_plan import SPLIT_KINDS, analyses, unit_decoding_task

ANALYSES = analyses(config)
decoded_task = lambda wildcards: ANALYSES[wildcards.analysis]["task"]


rule decode:
    input:
        dump=lambda wildcards: (
            f"<results>/{wildcards.model}/activations/{decoded_task(wildcards)}"
        ),
        untrained=lambda wildcards: [
            f"<results>/{wildcards.model}/untrained/{number}/activations/{decoded_task(wildcards)}"
            for number in range(1, config["decoding"]["untrained"] + 1)
        ],
        stimuli=lambda wildcards: (
            f"<results>/{wildcards.model}/stimuli/{decoded_task(wildcards)}.parquet"
        ),
        long_range="<results>/{model}/units/long_range.json",
        shown="<results>/{model}/units/shown.json",
    output:
        decoding="<results>/{model}/decoding/{analysis}_{cross_validation}.parquet",
    log:
        "<logs>/{model}/decode_{analysis}_{cross_validation}.log",
    benchmark:
        "<benchmarks>/{model}/decode_{analysis}_{cross_validation}.tsv"
    wildcard_constraints:
        analysis=alternatives(ANALYSES),
        cross_validation=alternatives(SPLIT_KINDS),
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=growing(3072),
    params:
        analysis=lambda wildcards: {
            key: value for key, value in ANALYSES[wildcards.analysis].items() if key != "task"
        },
        settings={
            "C": config["decoding"]["regularization"],
            **{
                key: config["decoding"][key]
                for key in ("splits", "test_fraction", "tolerance", "permutations", "seed")
            },
        },
        code=code("decoding/decode.py"),
    script:
        "../workflow_scripts/decoding/decode.py"


rule decoding_figure:
    input:
        decoding=[
            f"<results>/{{model}}/decoding/{{analysis}}_{cross_validation}.parquet"
            for cross_validation in SPLIT_KINDS
        ],
        stimuli=lambda wildcards: (
            f"<results>/{wildcards.model}/stimuli/{decoded_task(wildcards)}.parquet"
        ),
        shown="<results>/{model}/units/shown.json",
    output:
        figure=figure("{analysis}", "{analysis}"),
    log:
        "<logs>/{model}/decoding_figure_{analysis}.log",
    benchmark:
        "<benchmarks>/{model}/decoding_figure_{analysis}.tsv"
    wildcard_constraints:
        analysis=alternatives(ANALYSES),
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        kinds=SPLIT_KINDS,
        code=code("decoding/decoding_figure.py"),
    script:
        "../workflow_scripts/decoding/decoding_figure.py"


rule unit_decoding:
    input:
        dump=lambda wildcards: (
            f"<results>/{wildcards.model}/activations/{unit_decoding_task(config)}"
        ),
        stimuli=lambda wildcards: (
            f"<results>/{wildcards.model}/stimuli/{unit_decoding_task(config)}.parquet"
        ),
    output:
        units="<results>/{model}/decoding/units.parquet",
    log:
        "<logs>/{model}/unit_decoding.log",
    benchmark:
        "<benchmarks>/{model}/unit_decoding.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=growing(2048),
    params:
        variable=config["unit_decoding"]["variable"],
        conditions=config["unit_decoding"]["conditions"],
        confidence=config["statistics"]["confidence"],
        bootstrap_samples=config["unit_decoding"]["bootstrap_samples"],
        seed=config["unit_decoding"]["seed"],
        code=code("decoding/unit_decoding.py"),
    script:
        "../workflow_scripts/decoding/unit_decoding.py"


rule short_range_units:
    input:
        unit_decoding="<results>/{model}/decoding/units.parquet",
        efferents="<results>/{model}/efferents/units.parquet",
        stimuli=lambda wildcards: (
            f"<results>/{wildcards.model}/stimuli/{unit_decoding_task(config)}.parquet"
        ),
        long_range="<results>/{model}/units/long_range.json",
    output:
        short_range="<results>/{model}/units/short_range.json",
    log:
        "<logs>/{model}/short_range_units.log",
    benchmark:
        "<benchmarks>/{model}/short_range_units.tsv"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        criteria=config["short_range"],
        code=code("decoding/short_range_units.py"),
    script:
        "../workflow_scripts/decoding/short_range_units.py"


rule unit_decoding_figure:
    input:
        unit_decoding="<results>/{model}/decoding/units.parquet",
        stimuli=lambda wildcards: (
            f"<results>/{wildcards.model}/stimuli/{unit_decoding_task(config)}.parquet"
        ),
        short_range="<results>/{model}/units/short_range.json",
        long_range="<results>/{model}/units/long_range.json",
    output:
        figure=figure("unit_decoding", "every unit alone"),
    log:
        "<logs>/{model}/unit_decoding_figure.log",
    benchmark:
        "<benchmarks>/{model}/unit_decoding_figure.tsv"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        code=code("decoding/unit_decoding_figure.py"),
    script:
        "../workflow_scripts/decoding/unit_decoding_figure.py"
