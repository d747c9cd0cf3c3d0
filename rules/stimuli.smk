# Stimuli: generated from the tables of a language, or imported, then checked.

from lstm_units.config.input_files import LANGUAGE_TABLES

language_files = lambda wildcards: [
    f"{file(TASKS[wildcards.task]['language'])}/{name}" for name in LANGUAGE_TABLES
]


rule generate_stimuli:
    input:
        language=language_files,
    output:
        stimuli="<results>/stimuli/{task}.parquet",
    log:
        "<logs>/stimuli/{task}.log",
    benchmark:
        "<benchmarks>/stimuli/{task}.tsv"
    wildcard_constraints:
        task=alternatives(tasks_with(config, "generated")),
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        language=lambda wildcards: file(TASKS[wildcards.task]["language"]),
        template=lambda wildcards: TASKS[wildcards.task]["template"],
        items_per_condition=lambda wildcards: TASKS[wildcards.task]["items_per_condition"],
        matched=config["stimuli"]["matched"],
        seed=config["stimuli"]["seed"],
        code=code("stimuli/generate_stimuli.py"),
    script:
        "../workflow_scripts/stimuli/generate_stimuli.py"


rule import_stimuli:
    input:
        file=lambda wildcards: file(TASKS[wildcards.task]["file"]),
        gold=lambda wildcards: (
            file(TASKS[wildcards.task]["gold"]) if "gold" in TASKS[wildcards.task] else []
        ),
        language=lambda wildcards: (
            language_files(wildcards) if "language" in TASKS[wildcards.task] else []
        ),
    output:
        stimuli="<results>/stimuli/{task}.parquet",
    log:
        "<logs>/stimuli/{task}.log",
    benchmark:
        "<benchmarks>/stimuli/{task}.tsv"
    wildcard_constraints:
        task=alternatives(tasks_with(config, "released", "linzen", "nonce", "minimal_pairs")),
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        format=lambda wildcards: TASKS[wildcards.task]["format"],
        language=lambda wildcards: (
            file(TASKS[wildcards.task]["language"])
            if "language" in TASKS[wildcards.task]
            else None
        ),
        template=lambda wildcards: TASKS[wildcards.task].get("template"),
        on_duplicate=config["stimuli"]["on_duplicate"],
        code=code("stimuli/import_stimuli.py"),
    script:
        "../workflow_scripts/stimuli/import_stimuli.py"


rule check_balance:
    input:
        stimuli=per_task("<results>/stimuli/{task}.parquet", config["tasks"]),
    output:
        counts="<results>/stimuli/balance.csv",
    log:
        "<logs>/stimuli/balance.log",
    benchmark:
        "<benchmarks>/stimuli/balance.tsv"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        tasks=config["tasks"],
        generated={task: TASKS[task]["format"] == "generated" for task in config["tasks"]},
        tolerance=config["stimuli"]["balance_tolerance"],
        significance=config["stimuli"]["balance_significance"],
        code=code("stimuli/check_balance.py"),
    script:
        "../workflow_scripts/stimuli/check_balance.py"
