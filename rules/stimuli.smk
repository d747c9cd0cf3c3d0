# Stimuli: generated from the tables of a language, or imported, then checked.


rule generate_stimuli:
    input:
        language_files,
    output:
        "<results>/stimuli/{task}.parquet",
    log:
        "<logs>/stimuli/{task}.log",
    benchmark:
        "<benchmarks>/stimuli/{task}.tsv"
    wildcard_constraints:
        task=alternatives(tasks_with("generated")),
    conda:
        "../envs/cpu.yaml"
    params:
        language=lambda wildcards: file(TASKS[wildcards.task]["language"]),
        template=lambda wildcards: TASKS[wildcards.task]["template"],
        items_per_condition=lambda wildcards: TASKS[wildcards.task]["items_per_condition"],
        matched=config["stimuli"]["matched"],
        seed=config["stimuli"]["seed"],
        code=code("generate_stimuli.py"),
    script:
        "../workflow_scripts/generate_stimuli.py"


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
        "<results>/stimuli/{task}.parquet",
    log:
        "<logs>/stimuli/{task}.log",
    benchmark:
        "<benchmarks>/stimuli/{task}.tsv"
    wildcard_constraints:
        task=alternatives(tasks_with("released", "linzen", "minimal_pairs")),
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
        code=code("import_stimuli.py"),
    script:
        "../workflow_scripts/import_stimuli.py"


rule check_balance:
    input:
        stimuli=per_task("<results>/stimuli/{task}.parquet", config["tasks"]),
    output:
        "<results>/stimuli/balance.csv",
    log:
        "<logs>/stimuli/balance.log",
    benchmark:
        "<benchmarks>/stimuli/balance.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        tasks=config["tasks"],
        generated={task: TASKS[task]["format"] == "generated" for task in config["tasks"]},
        tolerance=config["stimuli"]["balance_tolerance"],
        significance=config["stimuli"]["balance_significance"],
        code=code("check_balance.py"),
    script:
        "../workflow_scripts/check_balance.py"


rule select_known_items:
    input:
        stimuli="<results>/stimuli/{task}.parquet",
        vocabulary="<results>/{model}/checkpoint/vocab.txt",
        description="<results>/{model}/checkpoint/model.json",
    output:
        stimuli="<results>/{model}/stimuli/{task}.parquet",
        report="<results>/{model}/stimuli/{task}.json",
    log:
        "<logs>/{model}/stimuli_{task}.log",
    benchmark:
        "<benchmarks>/{model}/stimuli_{task}.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        generated=lambda wildcards: TASKS[wildcards.task]["format"] == "generated",
        on_unknown_form=lambda wildcards: (
            "error"
            if TASKS[wildcards.task]["format"] == "generated"
            else config["stimuli"]["on_unknown_form"]
        ),
        code=code("select_known_items.py"),
    script:
        "../workflow_scripts/select_known_items.py"
