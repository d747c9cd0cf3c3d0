# The sweep: every unit silenced alone, on every group of tasks. One job is one shard of units.


rule context_states:
    input:
        weights="<results>/{model}/checkpoint/model.safetensors",
        context=file(config["context"]["file"]),
        means=lambda wildcards: means_file(wildcards.model, wildcards.mode),
    output:
        "<results>/{model}/ablation/{mode}/context/units_{first}-{last}.safetensors",
    log:
        "<logs>/{model}/context_{mode}_{first}-{last}.log",
    benchmark:
        "<benchmarks>/{model}/context_{mode}_{first}-{last}.tsv"
    conda:
        device_environment("ablation")
    resources:
        mem_mb=growing(job_mb()),
        sweep_mb=sweep_mb(),
        gpu_sweep_mb=gpu_sweep_mb(),
        device=config["ablation"]["device"],
    params:
        units=units_of_shard,
        context=context(),
        precision=config["ablation"]["precision"],
        code=code("context_states.py"),
    script:
        "../workflow_scripts/context_states.py"


rule ablate_units:
    input:
        weights="<results>/{model}/checkpoint/model.safetensors",
        states=states_file,
        means=lambda wildcards: means_file(wildcards.model, wildcards.mode),
        stimuli=lambda wildcards: per_task(
            f"<results>/{wildcards.model}/stimuli/{{task}}.parquet", swept_in(wildcards.group)
        ),
    output:
        "<results>/{model}/ablation/{mode}/{group}/units_{first}-{last}.parquet",
    log:
        "<logs>/{model}/ablate_{mode}_{group}_{first}-{last}.log",
    benchmark:
        "<benchmarks>/{model}/ablate_{mode}_{group}_{first}-{last}.tsv"
    wildcard_constraints:
        group=alternatives(SWEPT),
    conda:
        device_environment("ablation")
    resources:
        mem_mb=growing(job_mb()),
        sweep_mb=sweep_mb(),
        gpu_sweep_mb=gpu_sweep_mb(),
        device=config["ablation"]["device"],
    params:
        tasks=lambda wildcards: swept_in(wildcards.group),
        units=units_of_shard,
        states_first=lambda wildcards: layer_range(wildcards.model, int(wildcards.first))[0],
        precision=config["ablation"]["precision"],
        code=code("ablate_units.py"),
    script:
        "../workflow_scripts/ablate_units.py"


rule ablate_sets:
    input:
        weights="<results>/{model}/checkpoint/model.safetensors",
        sets="<results>/{model}/controls/sets/{family}.parquet",
        context=file(config["context"]["file"]),
        means=lambda wildcards: means_file(wildcards.model, wildcards.mode),
        stimuli=lambda wildcards: per_task(
            f"<results>/{wildcards.model}/stimuli/{{task}}.parquet", set_tasks(wildcards)
        ),
    output:
        "<results>/{model}/ablation_sets/{mode}/{group}/{family}_{first}-{last}.parquet",
    log:
        "<logs>/{model}/ablate_sets_{mode}_{group}_{family}_{first}-{last}.log",
    benchmark:
        "<benchmarks>/{model}/ablate_sets_{mode}_{group}_{family}_{first}-{last}.tsv"
    wildcard_constraints:
        family=alternatives(["long_range", *CONTROLS]),
    conda:
        device_environment("ablation")
    resources:
        mem_mb=growing(job_mb()),
        sweep_mb=sweep_mb(),
        gpu_sweep_mb=gpu_sweep_mb(),
        device=config["ablation"]["device"],
    params:
        tasks=set_tasks,
        numbers=units_of_shard,
        context=context(),
        precision=config["ablation"]["precision"],
        code=code("ablate_sets.py"),
    script:
        "../workflow_scripts/ablate_sets.py"


rule accuracy:
    input:
        description="<results>/{model}/checkpoint/model.json",
        shards=lambda wildcards: shard_files(wildcards.model, wildcards.mode, SWEPT),
        intact=lambda wildcards: per_task(
            f"<results>/{wildcards.model}/intact/{{task}}.parquet", swept_tasks()
        ),
    output:
        "<results>/{model}/ablation/{mode}/accuracy.parquet",
    log:
        "<logs>/{model}/accuracy_{mode}.log",
    benchmark:
        "<benchmarks>/{model}/accuracy_{mode}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=growing(2048),
    params:
        tasks=swept_tasks(),
        units=lambda wildcards: swept_units(wildcards.model, wildcards.mode),
        statistics=config["statistics"],
        code=code("accuracy.py"),
    script:
        "../workflow_scripts/accuracy.py"
