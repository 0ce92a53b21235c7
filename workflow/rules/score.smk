rule score:
    input:
        rules.train.output,
        # Not its description, which holds times and decides no score.
        classifier=lambda wildcards: expand(
            [rules.classifier.output.weights, rules.classifier.output.reference],
            classifier=PLAN.classifier_of(wildcards.run).key,
        ),
    output:
        scores="results/runs/{run}/scores.json",
        samples="results/runs/{run}/samples.png",
    log:
        "logs/score/{run}.log",
    conda:
        "../envs/wganlib.yaml"
    threads: PLAN.params.threads
    params:
        spec=lambda wildcards: PLAN.runs[wildcards.run].canonical(),
        scoring=PLAN.params.scoring.canonical(),
        folder=lambda wildcards, input: os.path.dirname(input.classifier[0]),
    shell:
        "exec python -m wganlib score {params.spec:q} --scoring {params.scoring:q} "
        "--classifier {params.folder} --threads {threads} > {log} 2>&1"


rule collect:
    input:
        experiment="params/experiments/{experiment}.yaml",
        scores=lambda wildcards: expand(
            rules.score.output, run=PLAN.run_keys(wildcards.experiment)
        ),
        runs=lambda wildcards: expand(
            [
                rules.train.output.spec,
                rules.train.output.history,
                rules.train.output.provenance,
            ],
            run=PLAN.run_keys(wildcards.experiment),
        ),
        classifiers=expand(rules.classifier.output.description, classifier=CLASSIFIERS),
    output:
        runs="results/{scale}/{experiment}/runs.csv",
        snapshots="results/{scale}/{experiment}/snapshots.csv",
        curves="results/{scale}/{experiment}/curves.csv",
        metrics="results/{scale}/{experiment}/metrics.json",
        real="results/{scale}/{experiment}/real.json",
        samples="results/{scale}/{experiment}/samples.png",
    log:
        "logs/collect/{scale}/{experiment}.log",
    conda:
        "../envs/wganlib.yaml"
    params:
        entries=lambda wildcards: PLAN.experiment(wildcards.experiment).digest(),
        code=code_digest("results.py"),
    shell:
        "python -m wganlib collect {wildcards.experiment} --scale {wildcards.scale} > {log} 2>&1"
