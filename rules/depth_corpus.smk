# Sentences with their syntactic depth, and the words sampled from them.

# How sentences are generated; of a released file there is nothing to say.
SENTENCES = config["depth"]["sentences"]
SAMPLING = (
    {key: SENTENCES[key] for key in ("per_length", "lengths", "seed")}
    if SENTENCES["format"] == "generated"
    else {}
)


rule depth_sentences:
    input:
        source=file(SENTENCES["file"]),
    output:
        sentences="<results>/stimuli/depth/sentences.parquet",
    log:
        "<logs>/stimuli/depth_sentences.log",
    benchmark:
        "<benchmarks>/stimuli/depth_sentences.tsv"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        format=SENTENCES["format"],
        sampling=SAMPLING,
        code=code("depth_corpus/depth_sentences.py"),
    script:
        "../workflow_scripts/depth_corpus/depth_sentences.py"


rule depth_positions:
    input:
        sentences="<results>/stimuli/depth/sentences.parquet",
    output:
        positions="<results>/stimuli/depth/positions.parquet",
        report="<results>/stimuli/depth/report.json",
    log:
        "<logs>/stimuli/depth_positions.log",
    benchmark:
        "<benchmarks>/stimuli/depth_positions.tsv"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        positions=config["depth"]["positions"],
        open_nodes=config["depth"]["open_nodes"],
        per_cell=config["depth"]["per_cell"],
        order=config["depth"]["order"],
        seed=SENTENCES["seed"],
        code=code("depth_corpus/depth_positions.py"),
    script:
        "../workflow_scripts/depth_corpus/depth_positions.py"
