# A stack is many runs in one job: starting Python costs more than training one of them. As `train` in all else.
rule stack:
    output:
        spec="results/stacks/{stack}/stack.json",
        critics="results/stacks/{stack}/critics.safetensors",
        generators="results/stacks/{stack}/generators.safetensors",
        history="results/stacks/{stack}/history.parquet",
        provenance="results/stacks/{stack}/provenance.json",
    log:
        "logs/stack/{stack}.log",
    priority: lambda wildcards: round(STACK_SECONDS[wildcards.stack])
    retries: 1
    conda:
        "../envs/wganlib.yaml"
    # One thread at every scale, as costs are estimated; the longest first, so that no long one is left alone at the end.
    threads: 1
    params:
        spec=lambda wildcards: STACKS[wildcards.stack].canonical(),
    shell:
        "exec python -m wganlib stack {params.spec:q} --threads {threads} > {log} 2>&1"


# Its parameters are an input so that tables that were made old are made anew: see `distrust`.
rule analyse:
    input:
        experiment="params/toys/{toy}.yaml",
        stacks=lambda wildcards: expand(
            rules.stack.output, stack=[s.key for s in PLAN.toy(wildcards.toy).stacks]
        ),
    output:
        quantities="results/{scale}/{toy}/quantities.csv",
        arrays="results/{scale}/{toy}/arrays.npz",
        facts="results/{scale}/{toy}/facts.json",
    log:
        "logs/analyse/{scale}/{toy}.log",
    conda:
        "../envs/wganlib.yaml"
    params:
        experiment=lambda wildcards: PLAN.toy(wildcards.toy).digest(),
        code=code_digest(
            "measuring/*.py",
            "experiments/*.py",
            "judging/quantities.py",
            "planning/describe.py",
        ),
    shell:
        "exec python -m wganlib analyse {wildcards.toy} --scale {wildcards.scale} > {log} 2>&1"


rule figure:
    input:
        rules.analyse.output,
    output:
        pdf=report(
            "reports/{scale}/{toy}.pdf",
            caption="../report/toy.rst",
            category="Toy distributions",
            labels={"item": "{toy}", "scale": "{scale}"},
        ),
        numbers="reports/{scale}/{toy}.json",
        preview="reports/{scale}/{toy}.png",
    log:
        "logs/figure/{scale}/{toy}.log",
    conda:
        "../envs/wganlib.yaml"
    params:
        experiment=lambda wildcards: PLAN.toy(wildcards.toy).digest(),
        code=code_digest("reporting/*.py", "experiments/*.py", "reporting/templates/*"),
    shell:
        "python -m wganlib report {wildcards.toy} --scale {wildcards.scale} > {log} 2>&1"
