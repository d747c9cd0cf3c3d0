# One page for each notable unit.

from lstm_units.config.run_files import card_files

shown_on_cards = lambda wildcards: card_files(config, wildcards.model, layer_sizes(wildcards.model))
CARDS = {
    "labels": labels(),
    "dynamics_task": drawn_task() if chosen_tasks(config, "dynamics") else None,
    **OUTLIERS,
}


rule notable_cards:
    input:
        results=shown_on_cards,
    output:
        cards="<results>/{model}/cards/notable.json",
    log:
        "<logs>/{model}/notable_cards.log",
    benchmark:
        "<benchmarks>/{model}/notable_cards.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=growing(2048),
    params:
        folder=model_folder,
        settings=CARDS,
        code=code("cards/notable_cards.py", *pages("card.html.j2")),
    script:
        "../workflow_scripts/cards/notable_cards.py"


rule unit_card:
    input:
        results=shown_on_cards,
    output:
        page="<results>/{model}/cards/unit_{unit}.html",
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
        folder=model_folder,
        settings=CARDS,
        code=code("cards/unit_card.py", *pages("card.html.j2", "card_page.html.j2", "style.css")),
    script:
        "../workflow_scripts/cards/unit_card.py"
