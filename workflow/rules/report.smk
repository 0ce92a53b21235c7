# The reports of toy experiments are made by rule `figure`.
rule report:
    input:
        lambda wildcards: expand(
            [] if wildcards.report in PLAN_REPORTS else rules.collect.output,
            scale=PLAN.scale,
            experiment=PLAN.reports()[wildcards.report],
        ),
        published="params/published.yaml",
    output:
        pdf=report(
            "reports/{scale}/{report}.pdf",
            caption="../report/report.rst",
            category="Tables and figures",
            labels={"item": "{report}", "scale": "{scale}"},
        ),
        numbers="reports/{scale}/{report}.json",
        preview="reports/{scale}/{report}.png",
    log:
        "logs/report/{scale}/{report}.log",
    wildcard_constraints:
        report="|".join(PLAN.reports()) or "none",
    conda:
        "../envs/wganlib.yaml"
    params:
        experiment=lambda wildcards: PLAN.experiment(
            PLAN.reports()[wildcards.report]
        ).digest(),
        title=lambda wildcards: PLAN.targets()[wildcards.report],
        claim=lambda wildcards: claim(wildcards.report),
        code=code_digest(
            "reporting/*.py",
            "reporting/templates/*",
            "experiments/*.py",
            "judging/*.py",
            "planning/describe.py",
        ),
    shell:
        "python -m wganlib report {wildcards.report} --scale {wildcards.scale} > {log} 2>&1"


# reports/<name>.pdf is the copy of the current scale's report.
rule current:
    input:
        pdf=expand("reports/{scale}/{{report}}.pdf", scale=PLAN.scale),
        config="params/config.yaml",
    output:
        "reports/{report}.pdf",
    log:
        "logs/current/{report}.log",
    conda:
        "../envs/wganlib.yaml"
    shell:
        "cp {input.pdf} {output} 2> {log}"
