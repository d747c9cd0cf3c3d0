# The claims of the paper, evaluated on each model.


rule claims:
    input:
        lambda wildcards: claim_files(wildcards.model),
    output:
        "<results>/{model}/claims.json",
    log:
        "<logs>/{model}/claims.log",
    benchmark:
        "<benchmarks>/{model}/claims.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=growing(2048),
    params:
        audit=audit(),
        code=code("claims/claims.py"),
    script:
        "../workflow_scripts/claims/claims.py"


rule claims_table:
    input:
        claims="<results>/{model}/claims.json",
        models="<results>/models.json",
    output:
        in_report("<results>/{model}/claims.csv", "claims", "claims", "Claims", model="{model}"),
        "<results>/{model}/claims.md",
    log:
        "<logs>/{model}/claims_table.log",
    benchmark:
        "<benchmarks>/{model}/claims_table.tsv"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        code=code("claims/claims_table.py"),
    script:
        "../workflow_scripts/claims/claims_table.py"
