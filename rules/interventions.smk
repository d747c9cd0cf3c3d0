# The items that a model knows, read by the intact model and with every unit ablated.

from lstm_units.config.run_files import means_file, states_file, tasks_of_sets

# In alphabetical order: that in the configuration changes no margin.
swept_in = lambda group: sorted(SWEPT[group])
units_of_shard = lambda wildcards: [int(wildcards.first), int(wildcards.last)]
means = lambda wildcards: means_file(wildcards.model, wildcards.mode) or []
tasks_of = lambda wildcards: tasks_of_sets(config, wildcards.family, wildcards.group)


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
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        generated=lambda wildcards: TASKS[wildcards.task]["format"] == "generated",
        on_unknown_form=lambda wildcards: (
            "error"
            if TASKS[wildcards.task]["format"] == "generated"
            else config["stimuli"]["on_unknown_form"]
        ),
        code=code("interventions/select_known_items.py"),
    script:
        "../workflow_scripts/interventions/select_known_items.py"


rule score_intact:
    input:
        weights="<results>/{model}/checkpoint/model.safetensors",
        stimuli="<results>/{model}/stimuli/{task}.parquet",
        context=file(config["context"]["file"]),
    output:
        scores="<results>/{model}/intact/{task}.parquet",
    log:
        "<logs>/{model}/intact_{task}.log",
    benchmark:
        "<benchmarks>/{model}/intact_{task}.tsv"
    conda:
        device_environment("ablation")
    resources:
        mem_mb=growing(job_mb()),
        sweep_mb=sweep_mb(),
        gpu_sweep_mb=gpu_sweep_mb(),
        device=config["ablation"]["device"],
    params:
        context=context(),
        precision=config["ablation"]["precision"],
        code=code("interventions/score_intact.py"),
    script:
        "../workflow_scripts/interventions/score_intact.py"


rule mean_values:
    input:
        weights="<results>/{model}/checkpoint/model.safetensors",
        stimuli=f"<results>/{{model}}/stimuli/{config['ablation']['mean_reference']}.parquet",
        context=file(config["context"]["file"]),
    output:
        means="<results>/{model}/ablation/mean/values.parquet",
    log:
        "<logs>/{model}/mean_values.log",
    benchmark:
        "<benchmarks>/{model}/mean_values.tsv"
    conda:
        device_environment("ablation")
    resources:
        mem_mb=growing(job_mb()),
        sweep_mb=sweep_mb(),
        gpu_sweep_mb=gpu_sweep_mb(),
        device=config["ablation"]["device"],
    params:
        task=config["ablation"]["mean_reference"],
        context=context(),
        precision=config["ablation"]["precision"],
        code=code("interventions/mean_values.py"),
    script:
        "../workflow_scripts/interventions/mean_values.py"


rule context_states:
    input:
        weights="<results>/{model}/checkpoint/model.safetensors",
        context=file(config["context"]["file"]),
        means=means,
    output:
        states="<results>/{model}/ablation/{mode}/context/units_{first}-{last}.safetensors",
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
        code=code("interventions/context_states.py"),
    script:
        "../workflow_scripts/interventions/context_states.py"


rule ablate_units:
    input:
        weights="<results>/{model}/checkpoint/model.safetensors",
        states=lambda wildcards: states_file(
            wildcards.model, wildcards.mode, layer_sizes(wildcards.model), int(wildcards.first)
        ),
        means=means,
        stimuli=lambda wildcards: per_task(
            f"<results>/{wildcards.model}/stimuli/{{task}}.parquet", swept_in(wildcards.group)
        ),
    output:
        margins="<results>/{model}/ablation/{mode}/{group}/units_{first}-{last}.parquet",
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
        precision=config["ablation"]["precision"],
        code=code("interventions/ablate_units.py"),
    script:
        "../workflow_scripts/interventions/ablate_units.py"


rule ablate_sets:
    input:
        weights="<results>/{model}/checkpoint/model.safetensors",
        sets="<results>/{model}/controls/sets/{family}.parquet",
        context=file(config["context"]["file"]),
        means=means,
        stimuli=lambda wildcards: per_task(
            f"<results>/{wildcards.model}/stimuli/{{task}}.parquet", tasks_of(wildcards)
        ),
    output:
        margins="<results>/{model}/ablation_sets/{mode}/{group}/{family}_{first}-{last}.parquet",
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
        tasks=tasks_of,
        numbers=units_of_shard,
        context=context(),
        precision=config["ablation"]["precision"],
        code=code("interventions/ablate_sets.py"),
    script:
        "../workflow_scripts/interventions/ablate_sets.py"


rule accuracy:
    input:
        description="<results>/{model}/checkpoint/model.json",
        shards=lambda wildcards: shard_files(
            config, wildcards.model, layer_sizes(wildcards.model), wildcards.mode
        ),
        intact=lambda wildcards: per_task(
            f"<results>/{wildcards.model}/intact/{{task}}.parquet", swept_tasks()
        ),
    output:
        accuracy="<results>/{model}/ablation/{mode}/accuracy.parquet",
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
        units=lambda wildcards: swept_units(config, layer_sizes(wildcards.model), wildcards.mode),
        statistics=config["statistics"],
        code=code("interventions/accuracy.py"),
    script:
        "../workflow_scripts/interventions/accuracy.py"
