# Long-range number units: found by ablation; Tables 1 and 2.

from lstm_units.config.run_files import single_unit_files, top_syntax_list
from lstm_units.config.analysis_plan import named_units, no_long_range, syntax_unit
from lstm_units.config.sweep_plan import not_ablated

DECIDING = config["discovery"]["mode"]
UNSWEPT = groups(config, swept=False)
CRITERIA = {key: value for key, value in config["discovery"].items() if key != "run"}
DISCOVERY_TASKS = [task for task in CRITERIA["tasks"] if task in config["tasks"]]
not_searched = lambda model: (
    no_long_range(config) or not_ablated(config, layer_sizes(model), DECIDING)
)
swept_files = lambda wildcards, pattern: (
    []
    if not_searched(wildcards.model)
    else per_task(f"<results>/{wildcards.model}/{pattern}", swept_tasks())
)
# Where units are ablated, the accuracy without each; else nothing.
deciding_accuracy = lambda wildcards: (
    []
    if not_ablated(config, layer_sizes(wildcards.model), DECIDING)
    else f"<results>/{wildcards.model}/ablation/{DECIDING}/accuracy.parquet"
)
modes = lambda wildcards: swept_modes(config, layer_sizes(wildcards.model))


rule long_range_units:
    input:
        # Asked for so, since parameters depend on it where nothing else is read.
        description=lambda wildcards: (
            checkpoints.convert_checkpoint.get(**wildcards).output.description
        ),
        shards=lambda wildcards: (
            []
            if not_searched(wildcards.model)
            else shard_files(config, wildcards.model, layer_sizes(wildcards.model), DECIDING)
        ),
        intact=lambda wildcards: swept_files(wildcards, "intact/{task}.parquet"),
        stimuli=lambda wildcards: swept_files(wildcards, "stimuli/{task}.parquet"),
    output:
        long_range="<results>/{model}/units/long_range.json",
    log:
        "<logs>/{model}/long_range_units.log",
    benchmark:
        "<benchmarks>/{model}/long_range_units.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=growing(2048),
    params:
        tasks=lambda wildcards: [] if not_searched(wildcards.model) else swept_tasks(),
        units=lambda wildcards: swept_units(config, layer_sizes(wildcards.model), DECIDING),
        discovery=CRITERIA,
        why_not=lambda wildcards: not_searched(wildcards.model),
        statistics=config["statistics"],
        code=code("long_range_units/long_range_units.py"),
    script:
        "../workflow_scripts/long_range_units/long_range_units.py"


rule unit_lists:
    input:
        lists=lambda wildcards: list(lists_of_units(config, wildcards.model).values()),
    output:
        units="<results>/{model}/units.json",
    log:
        "<logs>/{model}/unit_lists.log",
    benchmark:
        "<benchmarks>/{model}/unit_lists.tsv"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        names=lambda wildcards: list(lists_of_units(config, wildcards.model)),
        code=code("long_range_units/unit_lists.py"),
    script:
        "../workflow_scripts/long_range_units/unit_lists.py"


rule long_range_sets:
    input:
        long_range="<results>/{model}/units/long_range.json",
    output:
        sets="<results>/{model}/controls/sets/long_range.parquet",
    log:
        "<logs>/{model}/long_range_sets.log",
    benchmark:
        "<benchmarks>/{model}/long_range_sets.tsv"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        code=code("long_range_units/long_range_sets.py"),
    script:
        "../workflow_scripts/long_range_units/long_range_sets.py"


rule shown_units:
    input:
        description="<results>/{model}/checkpoint/model.json",
        long_range="<results>/{model}/units/long_range.json",
        accuracy=deciding_accuracy,
        syntax=lambda wildcards: top_syntax_list(config, wildcards.model) or [],
        stimuli=lambda wildcards: per_task(
            f"<results>/{wildcards.model}/stimuli/{{task}}.parquet", DISCOVERY_TASKS
        ),
    output:
        shown="<results>/{model}/units/shown.json",
    log:
        "<logs>/{model}/shown_units.log",
    benchmark:
        "<benchmarks>/{model}/shown_units.tsv"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        tasks=DISCOVERY_TASKS,
        named=lambda wildcards: named_units(config, wildcards.model),
        syntax=lambda wildcards: syntax_unit(config, wildcards.model),
        arbitrary=config["shown_units"]["arbitrary"],
        seed=config["shown_units"]["seed"],
        code=code("long_range_units/shown_units.py"),
    script:
        "../workflow_scripts/long_range_units/shown_units.py"


rule table1:
    input:
        stimuli=lambda wildcards: per_task(
            f"<results>/{wildcards.model}/stimuli/{{task}}.parquet", config["tasks"]
        ),
    output:
        table=table("table1", "Table 1"),
    log:
        "<logs>/{model}/table1.log",
    benchmark:
        "<benchmarks>/{model}/table1.tsv"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        tasks=config["tasks"],
        labels=labels(),
        code=code("long_range_units/table1.py"),
    script:
        "../workflow_scripts/long_range_units/table1.py"


rule table2:
    input:
        accuracy=deciding_accuracy,
        long_range="<results>/{model}/units/long_range.json",
        intact=lambda wildcards: per_task(
            f"<results>/{wildcards.model}/intact/{{task}}.parquet", config["tasks"]
        ),
        sets=lambda wildcards: (
            f"<results>/{wildcards.model}/controls/sets/long_range.parquet" if UNSWEPT else []
        ),
        set_shards=lambda wildcards: single_unit_files(config, wildcards.model, UNSWEPT),
    output:
        table=table("table2", "Table 2"),
    log:
        "<logs>/{model}/table2.log",
    benchmark:
        "<benchmarks>/{model}/table2.tsv"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        tasks=config["tasks"],
        unswept=[task for tasks in UNSWEPT.values() for task in tasks],
        natural=tasks_with(config, "linzen"),
        paper_tasks=paper_tasks(config),
        labels=labels(),
        relative_drop=config["discovery"]["relative_drop"],
        near_tie=config["statistics"]["near_tie"],
        code=code(
            "long_range_units/table2.py", PACKAGE / "io" / "published" / "table2_lakretz_2019.csv"
        ),
    script:
        "../workflow_scripts/long_range_units/table2.py"


rule units_figure:
    input:
        description="<results>/{model}/checkpoint/model.json",
        accuracy=lambda wildcards: [
            f"<results>/{wildcards.model}/ablation/{mode}/accuracy.parquet"
            for mode in modes(wildcards)
        ],
        long_range="<results>/{model}/units/long_range.json",
    output:
        figure=figure("units", "all units"),
    log:
        "<logs>/{model}/units_figure.log",
    benchmark:
        "<benchmarks>/{model}/units_figure.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        modes=modes,
        labels=labels(),
        relative_drop=config["discovery"]["relative_drop"],
        maximum_q=config["discovery"]["maximum_q"],
        code=code("long_range_units/units_figure.py"),
    script:
        "../workflow_scripts/long_range_units/units_figure.py"
