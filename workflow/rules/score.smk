rule score:
    input:
        rules.train.output,
        # Not its description, which holds times and decides no score.
        classifier=lambda wildcards: expand(
            [rules.classifier.output.weights, rules.classifier.output.reference],
            classifier=classifier_keys([wildcards.run]),
        ),
    output:
        scores="results/runs/{run}/scores.json",
        samples="results/runs/{run}/samples.png",
        progress="results/runs/{run}/progress.png",
    log:
        "logs/score/{run}.log",
    conda:
        "../envs/wganlib.yaml"
    threads: PLAN.params.threads
    params:
        spec=lambda wildcards: PLAN.runs[wildcards.run].canonical(),
        scoring=lambda wildcards: PLAN.scoring_of(wildcards.run).canonical(),
        # Data without images have none.
        judge=lambda wildcards, input: (
            f"--classifier {os.path.dirname(input.classifier[0])}"
            if input.classifier
            else ""
        ),
    shell:
        "exec python -m wganlib score {params.spec:q} --scoring {params.scoring:q} "
        "{params.judge} --threads {threads} > {log} 2>&1"


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
        classifiers=lambda wildcards: expand(
            rules.classifier.output.description,
            classifier=classifier_keys(PLAN.run_keys(wildcards.experiment)),
        ),
    output:
        runs="results/{scale}/{experiment}/runs.csv",
        snapshots="results/{scale}/{experiment}/snapshots.csv",
        curves="results/{scale}/{experiment}/curves.csv",
        metrics="results/{scale}/{experiment}/metrics.json",
        real="results/{scale}/{experiment}/real.json",
        lines="results/{scale}/{experiment}/lines.json",
        samples="results/{scale}/{experiment}/samples.png",
        browse=report(
            "results/browse/{scale}/{experiment}.html",
            caption="../report/runs.rst",
            category="Every run",
            labels={"item": "{experiment}", "scale": "{scale}"},
        ),
    log:
        "logs/collect/{scale}/{experiment}.log",
    conda:
        "../envs/wganlib.yaml"
    params:
        entries=lambda wildcards: PLAN.experiment(wildcards.experiment).digest(),
        code=code_digest("collecting/*.py"),
    shell:
        "python -m wganlib collect {wildcards.experiment} --scale {wildcards.scale} > {log} 2>&1"
