# From raw text to trained networks: `snakemake --cores 2 train`.

from lstm_units.config.input_files import text_files, word_list
from lstm_units.config.run_files import stimulus_word_files, trained_network_files, training_inputs
from lstm_units.config.training_runs import corpus_file
from lstm_units.config.training_settings import weights_file

RUNS = config["training"]["runs"]
texts_of = lambda corpus: text_files(config, corpus, PROJECT, Path())
words_of = lambda corpus, key: word_list(config, corpus, key, PROJECT, Path())
inputs_of_training = lambda wildcards: training_inputs(config, wildcards.run)
# The weights at the end of a run.
last_weights = lambda wildcards: weights_file(config["checkpoints"][wildcards.run]["training_step"])
CORPUS_KEYS = (
    *("vocabulary_size", "share_of_others", "maximum_unknown"),
    *("validation", "test", "seed"),
)


rule tokenise_text:
    input:
        text=lambda wildcards: texts_of(wildcards.corpus)[int(wildcards.number) - 1],
    output:
        sentences="<results>/corpora/{corpus}/sentences/{number}.parquet",
    log:
        "<logs>/corpora/{corpus}/tokenise_{number}.log",
    benchmark:
        "<benchmarks>/corpora/{corpus}/tokenise_{number}.tsv"
    wildcard_constraints:
        number=r"\d+",
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=growing(2048),
    params:
        code=code("training/tokenise_text.py"),
    script:
        "../workflow_scripts/training/tokenise_text.py"


rule training_corpus:
    input:
        sentences=lambda wildcards: [
            f"<results>/corpora/{wildcards.corpus}/sentences/{number}.parquet"
            for number in range(1, len(texts_of(wildcards.corpus)) + 1)
        ],
        required=lambda wildcards: [
            *filter(None, [words_of(wildcards.corpus, "required_words")]),
            *map(file, stimulus_word_files(config, wildcards.corpus)),
        ],
        chosen=lambda wildcards: words_of(wildcards.corpus, "chosen_words") or [],
    output:
        ids="<results>/corpora/{corpus}/corpus.safetensors",
        vocabulary="<results>/corpora/{corpus}/vocab.txt",
        counts="<results>/corpora/{corpus}/counts.tsv",
        statistics="<results>/corpora/{corpus}/corpus.json",
    log:
        "<logs>/corpora/{corpus}/training_corpus.log",
    benchmark:
        "<benchmarks>/corpora/{corpus}/training_corpus.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        # Two numbers a token of the whole text, and as much while they are put in order.
        mem_mb=lambda wildcards, input, attempt: attempt * (2048 + 30 * int(input.size_mb)),
    params:
        settings=lambda wildcards: {
            key: config["training"]["corpora"][wildcards.corpus][key] for key in CORPUS_KEYS
        },
        code=code("training/training_corpus.py"),
    script:
        "../workflow_scripts/training/training_corpus.py"


rule train_network:
    input:
        unpack(inputs_of_training),
    output:
        checkpoints=directory("<results>/training/{run}/checkpoints"),
        history="<results>/training/{run}/history.csv",
    log:
        "<logs>/training/{run}/train_network.log",
    benchmark:
        "<benchmarks>/training/{run}/train_network.tsv"
    wildcard_constraints:
        run=alternatives(RUNS),
    conda:
        device_environment("training")
    threads: training_threads
    resources:
        mem_mb=growing(4096),
        device=config["training"]["device"],
    params:
        run=lambda wildcards: RUNS[wildcards.run],
        code=code("training/train_network.py"),
    script:
        "../workflow_scripts/training/train_network.py"


rule perplexity:
    input:
        unpack(inputs_of_training),
        checkpoints="<results>/training/{run}/checkpoints",
    output:
        perplexity="<results>/training/{run}/perplexity.json",
    log:
        "<logs>/training/{run}/perplexity.log",
    benchmark:
        "<benchmarks>/training/{run}/perplexity.tsv"
    wildcard_constraints:
        run=alternatives(RUNS),
    conda:
        device_environment("training")
    threads: training_threads
    resources:
        mem_mb=growing(4096),
        device=config["training"]["device"],
    params:
        run=lambda wildcards: RUNS[wildcards.run],
        weights=last_weights,
        code=code("training/perplexity.py"),
    script:
        "../workflow_scripts/training/perplexity.py"


rule learning_curve:
    input:
        history="<results>/training/{run}/history.csv",
    output:
        figure=[
            "<results>/training/{run}/learning_curve.pdf",
            in_report(
                "<results>/training/{run}/learning_curve.png",
                "learning curve of {run}",
                "Training",
                "learning_curve",
            ),
        ],
    log:
        "<logs>/training/{run}/learning_curve.log",
    benchmark:
        "<benchmarks>/training/{run}/learning_curve.tsv"
    wildcard_constraints:
        run=alternatives(RUNS),
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        run=lambda wildcards: RUNS[wildcards.run],
        code=code("training/learning_curve.py"),
    script:
        "../workflow_scripts/training/learning_curve.py"


rule model_summary:
    input:
        statistics=lambda wildcards: corpus_file(config, wildcards.run, "corpus.json"),
        perplexity="<results>/training/{run}/perplexity.json",
        checkpoints="<results>/training/{run}/checkpoints",
        intact=lambda wildcards: per_task(
            f"<results>/{wildcards.run}/intact/{{task}}.parquet", config["tasks"]
        ),
    output:
        summary="<results>/training/{run}/model_card.md",
    log:
        "<logs>/training/{run}/model_summary.log",
    benchmark:
        "<benchmarks>/training/{run}/model_summary.tsv"
    wildcard_constraints:
        run=alternatives(RUNS),
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        run=lambda wildcards: RUNS[wildcards.run],
        corpus=lambda wildcards: config["training"]["corpora"][RUNS[wildcards.run]["corpus"]],
        weights=last_weights,
        labels=labels(),
        code=code("training/model_summary.py"),
    script:
        "../workflow_scripts/training/model_summary.py"


rule train:
    input:
        lambda wildcards: trained_network_files(config),
    localrule: True
