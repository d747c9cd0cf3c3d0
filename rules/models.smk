# Checkpoints: fetched, converted, checked.

from lstm_units.config.checkpoint_files import (
    file_in_folder,
    reading_options,
    source_file,
    trained_weights,
)
from lstm_units.config.input_files import golden_files

published = lambda wildcards: golden_files(config, wildcards.model, PROJECT, Path())


rule download:
    output:
        file="<results>/{model}/download/{key}",
    log:
        "<logs>/{model}/download_{key}.log",
    benchmark:
        "<benchmarks>/{model}/download_{key}.tsv"
    wildcard_constraints:
        key="source|vocabulary",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        url=lambda wildcards: config["checkpoints"][wildcards.model][wildcards.key],
        sha256=lambda wildcards: config["checkpoints"][wildcards.model][f"{wildcards.key}_sha256"],
    script:
        "../workflow_scripts/models/download.py"


rule untrained_checkpoint:
    input:
        weights=lambda wildcards: trained_weights(config, wildcards.model),
    output:
        weights="<results>/{model}/checkpoint/untrained.safetensors",
    log:
        "<logs>/{model}/untrained_checkpoint.log",
    benchmark:
        "<benchmarks>/{model}/untrained_checkpoint.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        seed=lambda wildcards: config["checkpoints"][wildcards.model]["untrained_seed"],
        code=code("models/untrained_checkpoint.py"),
    script:
        "../workflow_scripts/models/untrained_checkpoint.py"


checkpoint convert_checkpoint:
    input:
        weights=lambda wildcards: file(source_file(config, wildcards.model, "source")),
        vocabulary=lambda wildcards: file(source_file(config, wildcards.model, "vocabulary")),
    output:
        weights="<results>/{model}/checkpoint/model.safetensors",
        description="<results>/{model}/checkpoint/model.json",
        vocabulary="<results>/{model}/checkpoint/vocab.txt",
    log:
        "<logs>/{model}/convert_checkpoint.log",
    benchmark:
        "<benchmarks>/{model}/convert_checkpoint.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        options=lambda wildcards: reading_options(config, wildcards.model),
        inside=lambda wildcards: file_in_folder(config, wildcards.model),
        code=code("models/convert_checkpoint.py"),
    script:
        "../workflow_scripts/models/convert_checkpoint.py"


rule check_identity:
    input:
        weights="<results>/{model}/checkpoint/model.safetensors",
        context=lambda wildcards: published(wildcards).get("context", []),
        golden=lambda wildcards: published(wildcards).get("golden", []),
    output:
        table="<results>/{model}/checkpoint/identity.csv",
    log:
        "<logs>/{model}/check_identity.log",
    benchmark:
        "<benchmarks>/{model}/check_identity.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        name=lambda wildcards: config["checkpoints"][wildcards.model]["identity"],
        code=code("models/check_identity.py"),
    script:
        "../workflow_scripts/models/check_identity.py"
