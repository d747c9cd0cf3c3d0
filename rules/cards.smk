# One page for each notable unit.

from lstm_units.config.run_files import card_files

shown_on_cards = lambda wildcards: card_files(config, wildcards.model, layer_sizes(wildcards.model))
CARDS = {
    "labels": labels(),
    "mode": config["discovery"]["mode"],
    "dynamics_task": drawn_task() if chosen_tasks(config, "dynamics") else None,
    "relative_drop": config["discovery"]["relative_drop"],
    "maximum_q": config["discovery"]["maximum_q"],
    "minimum_intact": config["discovery"]["minimum_intact"],
    **OUTLIERS,
}


rule notable_cards:
    input:
        shown_on_cards,
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
        settings=CARDS,
        code=code("cards/notable_cards.py", *pages("card.html.j2")),
    script:
        "../workflow_scripts/cards/notable_cards.py"


rule unit_card:
    input:
        shown_on_cards,
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
        settings=CARDS,
        code=code("cards/unit_card.py", *pages("card.html.j2", "card_page.html.j2", "style.css")),
    script:
        "../workflow_scripts/cards/unit_card.py"
