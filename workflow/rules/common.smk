"""The plan, the surroundings of a job, and the lock on the working folder. Everything else is in wganlib."""

import os
import shutil
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.settings.types import DeploymentMethod

from wganlib.errors import WganlibError
from wganlib.planning.plan import PLAN_REPORTS, load_plan
from wganlib.planning.snakemake import (
    check_config,
    code_digest,
    distrust,
    hold_folder,
    prepare_jobs,
    targets_here,
    trust_trained,
)

try:
    check_config(dict(config))
    PLAN = load_plan(Path("params"), config["scale"])
    TARGETS = targets_here(PLAN, config["targets"], Path("params"))
except WganlibError as error:
    raise WorkflowError(str(error)) from None

for obstacle in PLAN.obstacles():
    logger.warning(f"scale {PLAN.scale} cannot be trained here yet: {obstacle}")

prepare_jobs(PLAN)
CLASSIFIERS = PLAN.classifiers()
STACKS = PLAN.stacks()
STACK_SECONDS = PLAN.stack_seconds()

# Directives name real environments; without conda they cannot be built, and the lock's own environment serves.
if (
    not shutil.which("conda")
    and DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
):
    logger.warning(
        "conda is not installed: jobs run in the current environment instead of workflow/envs."
    )
    workflow.deployment_settings.deployment_method = frozenset(
        workflow.deployment_settings.deployment_method
    ) - {DeploymentMethod.CONDA}


distrust(PLAN, Path("results"), Path("reports"), Path(".snakemake/metadata"))
trust_trained(PLAN, Path("results"), Path(".snakemake/incomplete"))


wildcard_constraints:
    run="|".join(PLAN.runs) or "none",
    classifier="|".join(CLASSIFIERS) or "none",
    scale=PLAN.scale,
    experiment="|".join(PLAN.experiments) or "none",
    report="|".join(PLAN.targets()) or "none",
    stack="|".join(STACKS) or "none",
    toy="|".join(PLAN.toys) or "none",


def classifier_keys(runs):
    """The classifiers that score these runs, each once; text has none."""
    found = (PLAN.classifier_of(run) for run in runs)
    return list(dict.fromkeys(spec.key for spec in found if spec is not None))


def claim(report):
    """What the paper says that a report shows."""
    return PLAN.experiment(PLAN.reports()[report]).params.claim.strip()


# Runs before the first job, not on a dry run. The profile switches Snakemake's own lock off: killed, it leaves one that
# cannot be told from a running one's.
onstart:
    hold_folder(Path(".snakemake"))
