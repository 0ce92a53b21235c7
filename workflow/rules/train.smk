rule classifier:
    output:
        **CLASSIFIER,
    log:
        "logs/classifier/{classifier}.log",
    conda:
        "../envs/wganlib.yaml"
    threads: lambda wildcards: CLASSIFIERS[wildcards.classifier].threads
    resources:
        gpu=lambda wildcards: gpus(PLAN.params.device, workflow.local_exec),
    params:
        spec=lambda wildcards: CLASSIFIERS[wildcards.classifier].canonical(),
        scoring=lambda wildcards: PLAN.scoring_of_classifier(
            wildcards.classifier
        ).canonical(),
    shell:
        "exec python -m wganlib classifier {params.spec:q} --scoring {params.scoring:q} > {log} 2>&1"


# `exec` makes the job a child of Snakemake itself, so that it can tell when Snakemake is gone. Device and checkpoint
# interval decide no number and come through the environment: a changed parameter would train again.
rule train:
    output:
        **RUN,
    log:
        "logs/train/{run}.log",
    cache: "omit-software"
    retries: 1
    conda:
        "../envs/wganlib.yaml"
    threads: lambda wildcards: planned(PLAN.runs, wildcards.run).threads
    resources:
        gpu=lambda wildcards: gpus(PLAN.params.device, workflow.local_exec),
    params:
        spec=lambda wildcards: planned(PLAN.runs, wildcards.run).canonical(),
    shell:
        "exec python -m wganlib train {params.spec:q} > {log} 2>&1"


# Many runs of toy networks in one job: one program trains them faster than each of its own.
rule stack:
    output:
        **STACK,
    log:
        "logs/stack/{stack}.log",
    # The longest first, so that no long one is left alone at the end.
    priority: lambda wildcards: round(PLAN.seconds(wildcards.stack))
    retries: 1
    conda:
        "../envs/wganlib.yaml"
    threads: lambda wildcards: planned(PLAN.stacks, wildcards.stack).runs[0].threads
    params:
        spec=lambda wildcards: planned(PLAN.stacks, wildcards.stack).canonical(),
    shell:
        "exec python -m wganlib train {params.spec:q} > {log} 2>&1"
