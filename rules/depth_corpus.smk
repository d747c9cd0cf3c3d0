# Sentences with their syntactic depth, and the words sampled from them.


rule depth_sentences:
    input:
        file(config["depth"]["sentences"]["file"]),
    output:
        "<results>/stimuli/depth/sentences.parquet",
    log:
        "<logs>/stimuli/depth_sentences.log",
    benchmark:
        "<benchmarks>/stimuli/depth_sentences.tsv"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        format=config["depth"]["sentences"]["format"],
        sampling=depth_sampling(),
        code=code("depth_corpus/depth_sentences.py"),
    script:
        "../workflow_scripts/depth_corpus/depth_sentences.py"


rule depth_positions:
    input:
        "<results>/stimuli/depth/sentences.parquet",
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
        seed=config["depth"]["sentences"]["seed"],
        code=code("depth_corpus/depth_positions.py"),
    script:
        "../workflow_scripts/depth_corpus/depth_positions.py"
