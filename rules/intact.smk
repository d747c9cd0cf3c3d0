# The intact model on every task, and the constants of mode mean.


rule score_intact:
    input:
        weights="<results>/{model}/checkpoint/model.safetensors",
        stimuli="<results>/{model}/stimuli/{task}.parquet",
        context=file(config["context"]["file"]),
    output:
        "<results>/{model}/intact/{task}.parquet",
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
        code=code("score_intact.py"),
    script:
        "../workflow_scripts/score_intact.py"


rule mean_values:
    input:
        weights="<results>/{model}/checkpoint/model.safetensors",
        stimuli=f"<results>/{{model}}/stimuli/{config['ablation']['mean_reference']}.parquet",
        context=file(config["context"]["file"]),
    output:
        "<results>/{model}/ablation/mean/values.parquet",
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
        code=code("mean_values.py"),
    script:
        "../workflow_scripts/mean_values.py"
