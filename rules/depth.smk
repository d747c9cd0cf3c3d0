# Syntactic depth read from all units.

from lstm_units.config.checkpoint_files import word_counts
from lstm_units.config.run_files import depth_dump, depth_predictions

VALIDATION = {
    key: config["depth"][key] for key in ("procedure", "folds", "inner_folds", "alphas", "seed")
}
COUNTS_KEY = "checkpoints.NAME.word_counts, depth.word_counts in config.yaml"
counts_file = lambda wildcards: file(word_counts(config, wildcards.model))


rule depth_activations:
    input:
        weights="<results>/{model}/checkpoint/model.safetensors",
        sentences="<results>/stimuli/depth/sentences.parquet",
        positions="<results>/stimuli/depth/positions.parquet",
        context=file(config["context"]["file"]),
    output:
        dump=directory("<results>/{model}/depth/activations"),
    log:
        "<logs>/{model}/depth_activations.log",
    benchmark:
        "<benchmarks>/{model}/depth_activations.tsv"
    conda:
        device_environment("ablation")
    resources:
        mem_mb=growing(job_mb()),
        sweep_mb=sweep_mb(),
        gpu_sweep_mb=gpu_sweep_mb(),
        device=config["ablation"]["device"],
    params:
        context=context(),
        variable=config["depth"]["variable"],
        layers=config["depth"]["layers"],
        maximum_unknown=config["depth"]["maximum_unknown"],
        code=code("depth/depth_activations.py"),
    script:
        "../workflow_scripts/depth/depth_activations.py"


rule depth_untrained:
    input:
        weights="<results>/{model}/checkpoint/model.safetensors",
        sentences="<results>/stimuli/depth/sentences.parquet",
        positions="<results>/stimuli/depth/positions.parquet",
        context=file(config["context"]["file"]),
    output:
        dump=directory("<results>/{model}/untrained/{number}/depth/activations"),
    log:
        "<logs>/{model}/depth_untrained_{number}.log",
    benchmark:
        "<benchmarks>/{model}/depth_untrained_{number}.tsv"
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
        variable=config["depth"]["variable"],
        layers=config["depth"]["layers"],
        maximum_unknown=config["depth"]["maximum_unknown"],
        seed=lambda wildcards: config["depth"]["seed"] + int(wildcards.number) - 1,
        code=code("depth/depth_untrained.py"),
    script:
        "../workflow_scripts/depth/depth_untrained.py"


rule depth_units:
    input:
        dump="<results>/{model}/depth/activations",
        sentences="<results>/stimuli/depth/sentences.parquet",
        positions="<results>/stimuli/depth/positions.parquet",
        word_counts=counts_file,
    output:
        predictions="<results>/{model}/depth/predictions/units.parquet",
        coefficients="<results>/{model}/depth/coefficients.parquet",
        permuted="<results>/{model}/depth/permuted_coefficients.parquet",
    log:
        "<logs>/{model}/depth_units.log",
    benchmark:
        "<benchmarks>/{model}/depth_units.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=growing(3072),
    params:
        validation=VALIDATION,
        permutations=config["depth"]["permutations"],
        counts_key=COUNTS_KEY,
        code=code("depth/depth_units.py"),
    script:
        "../workflow_scripts/depth/depth_units.py"


rule permuted_outliers:
    input:
        permuted="<results>/{model}/depth/permuted_coefficients.parquet",
    output:
        permutations="<results>/{model}/depth/permutations.parquet",
    log:
        "<logs>/{model}/permuted_outliers.log",
    benchmark:
        "<benchmarks>/{model}/permuted_outliers.tsv"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        outliers=OUTLIERS,
        code=code("depth/permuted_outliers.py"),
    script:
        "../workflow_scripts/depth/permuted_outliers.py"


rule depth_baseline:
    input:
        dump=lambda wildcards: depth_dump(wildcards.model, wildcards.regressors) or [],
        model=lambda wildcards: (
            f"<results>/{wildcards.model}/checkpoint/model.safetensors"
            if wildcards.regressors == "embeddings"
            else []
        ),
        sentences="<results>/stimuli/depth/sentences.parquet",
        positions="<results>/stimuli/depth/positions.parquet",
        word_counts=lambda wildcards: (
            [] if wildcards.regressors == "words" else counts_file(wildcards)
        ),
    output:
        predictions="<results>/{model}/depth/predictions/{regressors}.parquet",
    log:
        "<logs>/{model}/depth_baseline_{regressors}.log",
    benchmark:
        "<benchmarks>/{model}/depth_baseline_{regressors}.tsv"
    wildcard_constraints:
        regressors=r"(layer|untrained)_\d+|position_frequency|words|embeddings",
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=growing(2048),
    params:
        validation=VALIDATION,
        counts_key=COUNTS_KEY,
        code=code("depth/depth_baseline.py"),
    script:
        "../workflow_scripts/depth/depth_baseline.py"


rule depth_scores:
    input:
        predictions=lambda wildcards: depth_predictions(
            config, wildcards.model, len(layer_sizes(wildcards.model))
        ),
    output:
        scores="<results>/{model}/depth/scores.parquet",
        comparisons="<results>/{model}/depth/comparisons.parquet",
    log:
        "<logs>/{model}/depth_scores.log",
    benchmark:
        "<benchmarks>/{model}/depth_scores.tsv"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        confidence=config["statistics"]["confidence"],
        bootstrap_samples=config["depth"]["bootstrap_samples"],
        seed=config["depth"]["seed"],
        code=code("depth/depth_scores.py"),
    script:
        "../workflow_scripts/depth/depth_scores.py"


rule depth_table:
    input:
        scores="<results>/{model}/depth/scores.parquet",
        comparisons="<results>/{model}/depth/comparisons.parquet",
    output:
        table=table("depth", "R²"),
    log:
        "<logs>/{model}/depth_table.log",
    benchmark:
        "<benchmarks>/{model}/depth_table.tsv"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        code=code("depth/depth_table.py"),
    script:
        "../workflow_scripts/depth/depth_table.py"


rule depth_figure:
    input:
        coefficients="<results>/{model}/depth/coefficients.parquet",
        permutations="<results>/{model}/depth/permutations.parquet",
        predictions="<results>/{model}/depth/predictions/units.parquet",
        dump="<results>/{model}/depth/activations",
        positions="<results>/stimuli/depth/positions.parquet",
        scores="<results>/{model}/depth/scores.parquet",
    output:
        figure=figure("depth", "depth from all units"),
    log:
        "<logs>/{model}/depth_figure.log",
    benchmark:
        "<benchmarks>/{model}/depth_figure.tsv"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        code=code("depth/depth_figure.py"),
    script:
        "../workflow_scripts/depth/depth_figure.py"
