# Tables and figures.


rule table1:
    input:
        stimuli=lambda wildcards: per_task(
            f"<results>/{wildcards.model}/stimuli/{{task}}.parquet", config["tasks"]
        ),
    output:
        table("table1", "Table 1", "table1", "Agreement"),
    log:
        "<logs>/{model}/table1.log",
    benchmark:
        "<benchmarks>/{model}/table1.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        tasks=config["tasks"],
        labels=labels(),
        code=code("table1.py"),
    script:
        "../workflow_scripts/table1.py"


rule table2:
    input:
        accuracy=(f"<results>/{{model}}/ablation/{config['discovery']['mode']}/accuracy.parquet"),
        long_range="<results>/{model}/units/long_range.json",
        intact=lambda wildcards: per_task(
            f"<results>/{wildcards.model}/intact/{{task}}.parquet", config["tasks"]
        ),
        sets=lambda wildcards: (
            f"<results>/{wildcards.model}/controls/sets/long_range.parquet" if UNSWEPT else []
        ),
        set_shards=discovered_unit_files,
    output:
        table("table2", "Table 2", "table2", "Agreement"),
    log:
        "<logs>/{model}/table2.log",
    benchmark:
        "<benchmarks>/{model}/table2.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        tasks=config["tasks"],
        unswept=unswept_tasks(),
        natural=tasks_with("linzen"),
        paper_tasks=paper_tasks(),
        labels=labels(),
        relative_drop=config["discovery"]["relative_drop"],
        statistics=config["statistics"],
        code=code("table2.py", PACKAGE / "published" / "table2_lakretz_2019.csv"),
    script:
        "../workflow_scripts/table2.py"


rule units_figure:
    input:
        description="<results>/{model}/checkpoint/model.json",
        accuracy=lambda wildcards: [
            f"<results>/{wildcards.model}/ablation/{mode}/accuracy.parquet"
            for mode in modes_of(wildcards.model)
        ],
        long_range="<results>/{model}/units/long_range.json",
    output:
        figure("units", "all units", "units", "Agreement"),
    log:
        "<logs>/{model}/units_figure.log",
    benchmark:
        "<benchmarks>/{model}/units_figure.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        modes=lambda wildcards: modes_of(wildcards.model),
        labels=labels(),
        relative_drop=config["discovery"]["relative_drop"],
        maximum_q=config["discovery"]["maximum_q"],
        code=code("units_figure.py"),
    script:
        "../workflow_scripts/units_figure.py"
