rule collect:
    input:
        lambda wildcards: collected_from(PLAN, wildcards.experiment),
    output:
        **TABLES,
        page=report(
            "results/{scale}/{experiment}/runs.html",
            caption="../report/runs.rst",
            category="Every run",
            labels={"item": "{experiment}", "scale": "{scale}"},
        ),
    log:
        "logs/collect/{scale}/{experiment}.log",
    conda:
        "../envs/wganlib.yaml"
    params:
        experiment=lambda wildcards: tables_digest(
            PLAN.experiment(wildcards.experiment)
        ),
        code=lambda wildcards: tables_code(PLAN, wildcards.experiment),
    shell:
        "exec python -m wganlib collect {wildcards.experiment} --scale {wildcards.scale} > {log} 2>&1"


rule judge:
    input:
        *TABLES.values(),
    output:
        f"results/{{scale}}/{{experiment}}/{layout.CLAIMS}",
    log:
        "logs/judge/{scale}/{experiment}.log",
    conda:
        "../envs/wganlib.yaml"
    params:
        claims=lambda wildcards: claims_digest(PLAN.experiment(wildcards.experiment)),
        code=judging_code(),
    shell:
        "exec python -m wganlib judge {wildcards.experiment} --scale {wildcards.scale} > {log} 2>&1"


# All claims of the scale, and the one page that shows them.
rule claims:
    input:
        claims_of(PLAN),
    output:
        csv="results/{scale}/claims.csv",
        json=f"results/{{scale}}/{layout.CLAIMS}",
        pdf=report(
            "reports/{scale}/claims.pdf",
            caption="../report/report.rst",
            category="Claims",
            labels={"item": "claims", "scale": "{scale}"},
        ),
        picture="reports/{scale}/claims.svg",
    log:
        "logs/claims/{scale}.log",
    conda:
        "../envs/wganlib.yaml"
    params:
        code=report_code("claims"),
    shell:
        "exec python -m wganlib claims --scale {wildcards.scale} > {log} 2>&1"


rule report:
    input:
        *TABLES.values(),
        f"results/{{scale}}/{{experiment}}/{layout.CLAIMS}",
        published="params/published.yaml",
    output:
        pdf=report(
            "reports/{scale}/{experiment}.pdf",
            caption="../report/report.rst",
            category="Tables and figures",
            labels={"item": "{experiment}", "scale": "{scale}"},
        ),
        json="reports/{scale}/{experiment}.json",
        png="reports/{scale}/{experiment}.png",
    log:
        "logs/report/{scale}/{experiment}.log",
    conda:
        "../envs/wganlib.yaml"
    params:
        experiment=lambda wildcards: report_digest(
            PLAN.experiment(wildcards.experiment), PLAN.methods
        ),
        title=lambda wildcards: PLAN.experiment(wildcards.experiment).params.title,
        claim=lambda wildcards: PLAN.experiment(
            wildcards.experiment
        ).params.claim.strip(),
        code=lambda wildcards: report_code(wildcards.experiment),
    shell:
        "exec python -m wganlib report {wildcards.experiment} --scale {wildcards.scale} > {log} 2>&1"


# reports/<name>.pdf is the copy of the current scale's report. It takes every name, to say which there are.
rule current:
    input:
        pdf=lambda wildcards: report_at(PLAN, wildcards.experiment),
        config="params/config.yaml",
    output:
        "reports/{experiment}.pdf",
    log:
        "logs/current/{experiment}.log",
    wildcard_constraints:
        experiment="[^/]+",
    conda:
        "../envs/wganlib.yaml"
    shell:
        "cp {input.pdf} {output} 2> {log}"
