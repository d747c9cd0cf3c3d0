# Unit cards, and the report.


rule notable_cards:
    input:
        lambda wildcards: card_files(wildcards.model),
    output:
        "<results>/{model}/cards/notable.json",
    log:
        "<logs>/{model}/notable_cards.log",
    benchmark:
        "<benchmarks>/{model}/notable_cards.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=growing(2048),
    params:
        settings=card_settings(),
        code=code("notable_cards.py", *pages("card.html.j2")),
    script:
        "../workflow_scripts/notable_cards.py"


rule unit_card:
    input:
        lambda wildcards: card_files(wildcards.model),
    output:
        "<results>/{model}/cards/unit_{unit}.html",
    log:
        "<logs>/{model}/card_{unit}.log",
    benchmark:
        "<benchmarks>/{model}/card_{unit}.tsv"
    wildcard_constraints:
        unit=r"\d+",
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=growing(2048),
    params:
        settings=card_settings(),
        code=code("unit_card.py", *pages("card.html.j2", "card_page.html.j2", "style.css")),
    script:
        "../workflow_scripts/unit_card.py"


rule report:
    input:
        lambda wildcards: report_files(),
    output:
        "<results>/report.html",
    log:
        "<logs>/report.log",
    benchmark:
        "<benchmarks>/report.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=growing(2048),
    params:
        models=model_entries(),
        labels=labels(),
        config=config,
        benchmarks=folder("benchmarks"),
        code=code("report.py", *pages()),
    script:
        "../workflow_scripts/report.py"
