# One page for everything.

from lstm_units.config.analysis_plan import model_entries


rule report:
    input:
        results=lambda wildcards: report_files(
            config, {model: layer_sizes(model) for model in config["models"]}
        ),
    output:
        page="<results>/report.html",
    log:
        "<logs>/report.log",
    benchmark:
        "<benchmarks>/report.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=growing(2048),
    params:
        results=lambda wildcards: folder("results"),
        models=model_entries(config),
        labels=labels(),
        config=config,
        benchmarks=lambda wildcards: folder("benchmarks"),
        code=code("report/report.py", *pages()),
    script:
        "../workflow_scripts/report/report.py"
