# One page for each notable unit.


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
        code=code("cards/notable_cards.py", *pages("card.html.j2")),
    script:
        "../workflow_scripts/cards/notable_cards.py"


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
        code=code("cards/unit_card.py", *pages("card.html.j2", "card_page.html.j2", "style.css")),
    script:
        "../workflow_scripts/cards/unit_card.py"
