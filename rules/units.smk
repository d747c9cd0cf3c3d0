# Discovery: which units carry number over a long distance.


rule long_range_units:
    input:
        description="<results>/{model}/checkpoint/model.json",
        shards=lambda wildcards: shard_files(
            wildcards.model, discovery_mode(wildcards.model), SWEPT
        ),
        intact=lambda wildcards: per_task(
            f"<results>/{wildcards.model}/intact/{{task}}.parquet", swept_tasks()
        ),
        stimuli=lambda wildcards: per_task(
            f"<results>/{wildcards.model}/stimuli/{{task}}.parquet", swept_tasks()
        ),
    output:
        "<results>/{model}/units/long_range.json",
    log:
        "<logs>/{model}/long_range_units.log",
    benchmark:
        "<benchmarks>/{model}/long_range_units.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=growing(2048),
    params:
        tasks=swept_tasks(),
        units=lambda wildcards: swept_units(wildcards.model, discovery_mode(wildcards.model)),
        discovery=config["discovery"],
        statistics=config["statistics"],
        code=code("long_range_units.py"),
    script:
        "../workflow_scripts/long_range_units.py"


rule unit_lists:
    input:
        lambda wildcards: list(lists_of_units(wildcards.model).values()),
    output:
        "<results>/{model}/units.json",
    log:
        "<logs>/{model}/unit_lists.log",
    benchmark:
        "<benchmarks>/{model}/unit_lists.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        names=lambda wildcards: list(lists_of_units(wildcards.model)),
        code=code("unit_lists.py"),
    script:
        "../workflow_scripts/unit_lists.py"


rule long_range_sets:
    input:
        "<results>/{model}/units/long_range.json",
    output:
        "<results>/{model}/controls/sets/long_range.parquet",
    log:
        "<logs>/{model}/long_range_sets.log",
    benchmark:
        "<benchmarks>/{model}/long_range_sets.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        code=code("long_range_sets.py"),
    script:
        "../workflow_scripts/long_range_sets.py"
