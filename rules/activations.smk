# Activations of the intact model, and of untrained networks of its shape, at every word.

from lstm_units.config.analysis_plan import decoded_variables


rule dump_activations:
    input:
        weights="<results>/{model}/checkpoint/model.safetensors",
        stimuli="<results>/{model}/stimuli/{task}.parquet",
        context=file(config["context"]["file"]),
    output:
        dump=directory("<results>/{model}/activations/{task}"),
    log:
        "<logs>/{model}/activations_{task}.log",
    benchmark:
        "<benchmarks>/{model}/activations_{task}.tsv"
    conda:
        device_environment("ablation")
    resources:
        mem_mb=growing(job_mb()),
        sweep_mb=sweep_mb(),
        gpu_sweep_mb=gpu_sweep_mb(),
        device=config["ablation"]["device"],
    params:
        context=context(),
        variables=config["activations"]["variables"],
        layers=config["activations"]["layers"],
        float_type=config["activations"]["float_type"],
        code=code("activations/dump_activations.py"),
    script:
        "../workflow_scripts/activations/dump_activations.py"


rule dump_untrained:
    input:
        weights="<results>/{model}/checkpoint/model.safetensors",
        stimuli="<results>/{model}/stimuli/{task}.parquet",
        context=file(config["context"]["file"]),
    output:
        dump=directory("<results>/{model}/untrained/{number}/activations/{task}"),
    log:
        "<logs>/{model}/untrained_{number}_{task}.log",
    benchmark:
        "<benchmarks>/{model}/untrained_{number}_{task}.tsv"
    wildcard_constraints:
        number=r"\d+",
    conda:
        device_environment("ablation")
    resources:
        mem_mb=growing(job_mb()),
        sweep_mb=sweep_mb(),
        gpu_sweep_mb=gpu_sweep_mb(),
        device=config["ablation"]["device"],
    params:
        context=context(),
        variables=lambda wildcards: decoded_variables(config, wildcards.task),
        layers=config["activations"]["layers"],
        float_type=config["activations"]["float_type"],
        seed=lambda wildcards: config["decoding"]["seed"] + int(wildcards.number) - 1,
        code=code("activations/dump_untrained.py"),
    script:
        "../workflow_scripts/activations/dump_untrained.py"
