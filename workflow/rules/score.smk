rule score:
    input:
        *RUN.values(),
        # Not its description, which holds times and decides no score.
        classifier=lambda wildcards: expand(
            [
                CLASSIFIER["classifier_safetensors"],
                CLASSIFIER["reference_safetensors"],
            ],
            classifier=classifier_keys(PLAN, [wildcards.run]),
        ),
    output:
        **SCORE,
    log:
        "logs/score/{run}.log",
    conda:
        "../envs/wganlib.yaml"
    threads: lambda wildcards: planned(PLAN.runs, wildcards.run).threads
    resources:
        gpu=lambda wildcards: gpus(PLAN.params.device, workflow.local_exec),
    params:
        spec=lambda wildcards: planned(PLAN.runs, wildcards.run).canonical(),
        scoring=lambda wildcards: PLAN.scoring_of(wildcards.run).canonical(),
        # Data without images have none.
        judge=lambda wildcards, input: (
            f"--classifier {os.path.dirname(input.classifier[0])}"
            if input.classifier
            else ""
        ),
    shell:
        "exec python -m wganlib score {params.spec:q} --scoring {params.scoring:q} "
        "{params.judge} > {log} 2>&1"
