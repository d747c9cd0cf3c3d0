# Long-range against short-range units: what each adds to the verb margin.

CONTRIBUTIONS = chosen_tasks(config, "contributions")
RESAMPLING = {
    "confidence": config["statistics"]["confidence"],
    "samples": config["contributions"]["bootstrap_samples"],
    "seed": config["contributions"]["seed"],
}


rule contributions:
    input:
        weights="<results>/{model}/checkpoint/model.safetensors",
        stimuli="<results>/{model}/stimuli/{task}.parquet",
        context=file(config["context"]["file"]),
        intact="<results>/{model}/intact/{task}.parquet",
        long_range="<results>/{model}/units/long_range.json",
        short_range="<results>/{model}/units/short_range.json",
    output:
        contributions="<results>/{model}/contributions/{task}.parquet",
    log:
        "<logs>/{model}/contributions_{task}.log",
    benchmark:
        "<benchmarks>/{model}/contributions_{task}.tsv"
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
        code=code("contributions/contributions.py"),
    script:
        "../workflow_scripts/contributions/contributions.py"


rule contributions_table:
    input:
        contributions=lambda wildcards: per_task(
            f"<results>/{wildcards.model}/contributions/{{task}}.parquet", CONTRIBUTIONS
        ),
    output:
        table=table("contributions", "contributions to the verb"),
    log:
        "<logs>/{model}/contributions_table.log",
    benchmark:
        "<benchmarks>/{model}/contributions_table.tsv"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        tasks=CONTRIBUTIONS,
        labels=labels(),
        statistics=RESAMPLING,
        code=code("contributions/contributions_table.py"),
    script:
        "../workflow_scripts/contributions/contributions_table.py"


rule contributions_figure:
    input:
        contributions=lambda wildcards: per_task(
            f"<results>/{wildcards.model}/contributions/{{task}}.parquet", CONTRIBUTIONS
        ),
    output:
        figure=figure("contributions", "contributions to the verb"),
    log:
        "<logs>/{model}/contributions_figure.log",
    benchmark:
        "<benchmarks>/{model}/contributions_figure.tsv"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        tasks=CONTRIBUTIONS,
        labels=labels(),
        statistics=RESAMPLING,
        code=code("contributions/contributions_figure.py"),
    script:
        "../workflow_scripts/contributions/contributions_figure.py"
