rule classifier:
    output:
        weights="results/classifiers/{classifier}/classifier.safetensors",
        reference="results/classifiers/{classifier}/reference.safetensors",
        description="results/classifiers/{classifier}/classifier.json",
    log:
        "logs/classifier/{classifier}.log",
    conda:
        "../envs/wganlib.yaml"
    threads: PLAN.params.threads
    params:
        spec=lambda wildcards: CLASSIFIERS[wildcards.classifier].canonical(),
        scoring=lambda wildcards: PLAN.scoring_of_classifier(
            wildcards.classifier
        ).canonical(),
    shell:
        "exec python -m wganlib classifier {params.spec:q} --scoring {params.scoring:q} "
        "--threads {threads} > {log} 2>&1"


# `exec` makes the training a child of Snakemake itself, so that it can tell when Snakemake is gone. Device and checkpoint
# interval decide no number and come through the environment: a changed parameter would train again.
rule train:
    output:
        spec="results/runs/{run}/spec.json",
        generator="results/runs/{run}/generator.safetensors",
        critic="results/runs/{run}/critic.safetensors",
        history="results/runs/{run}/history.parquet",
        provenance="results/runs/{run}/provenance.json",
    log:
        "logs/train/{run}.log",
    cache: "omit-software"
    retries: 1
    conda:
        "../envs/wganlib.yaml"
    threads: PLAN.params.threads
    resources:
        gpu=0 if PLAN.params.device == "cpu" else 1,
    params:
        spec=lambda wildcards: PLAN.runs[wildcards.run].canonical(),
    shell:
        "exec python -m wganlib train {params.spec:q} --threads {threads} > {log} 2>&1"
