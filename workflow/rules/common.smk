"""The plan, the surroundings of a job, and the lock on the working folder. Everything else is in wganlib."""

import atexit
import os
import shutil
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.settings.types import DeploymentMethod

from wganlib.errors import WganlibError
from wganlib import layout, warm
from wganlib.planning.plan import load_plan
from wganlib.planning.progress import Follower, Progress, quiet
from wganlib.planning.params import named_files
from wganlib.planning.snakemake import (
    behind,
    check_config,
    check_targets,
    claims_of,
    classifier_keys,
    collected_from,
    gpus,
    hold_folder,
    named,
    planned,
    prepare_jobs,
    report_at,
    stopped,
    targets_here,
)
from wganlib.planning.staleness import (
    claims_digest,
    judging_code,
    report_code,
    report_digest,
    tables_code,
    tables_digest,
)
from wganlib.planning.why import tell_why

try:
    check_config(dict(config))
    PLAN = load_plan(Path("params"), config["scale"])
    TARGETS = targets_here(PLAN, config["targets"], Path("params"))
    # Snakemake's own targets are not to be seen while it reads this file.
    check_targets(PLAN, sys.argv[1:], named_files(Path("params/scales")))
except WganlibError as error:
    raise WorkflowError(str(error)) from None

for obstacle in PLAN.obstacles():
    logger.warning(f"scale {PLAN.scale} cannot be trained here yet: {obstacle}")

prepare_jobs(PLAN)
if os.environ.get("WGANLIB_PROGRESS"):
    quiet(logger)
FOLLOWERS = []
CLASSIFIERS = PLAN.classifiers()
REPORTS = [f"reports/{name}.pdf" for name in PLAN.shown()]

# What each rule makes: names of outputs and their paths.
RUN = named("results/runs/{run}", layout.RUN_FILES)
SCORE = named("results/runs/{run}", layout.SCORE_FILES)
STACK = named("results/stacks/{stack}", layout.STACK_FILES)
CLASSIFIER = named("results/classifiers/{classifier}", layout.CLASSIFIER_FILES)
TABLES = named("results/{scale}/{experiment}", layout.TABLE_FILES)

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


# No list of hundreds of keys, which would be matched for each file of each job: `planned` refuses others.
wildcard_constraints:
    run="[^/]+",
    classifier="|".join(CLASSIFIERS) or "none",
    scale=PLAN.scale,
    experiment="|".join(PLAN.experiments) or "none",
    stack="[^/]+",


# Runs before the first job, not on a dry run. The profile switches Snakemake's own lock off: killed, it leaves one that
# cannot be told from a running one's.
onstart:
    hold_folder(Path(".snakemake"))
    # A GPU's driver is no thing to be forked with.
    if workflow.local_exec and not gpus(PLAN.params.device, local=True):
        warm.start(
            [
                job.rule.name
                for job in workflow.dag.needrun_jobs()
                if job.threads == 1
            ]
        )
    if os.environ.get("WGANLIB_PROGRESS"):
        FOLLOWERS.append(Follower(Progress(PLAN, workflow.cores), workflow.dag))


onsuccess:
    for follower in FOLLOWERS:
        follower.end()


onerror:
    for follower in FOLLOWERS:
        follower.end()
    print(stopped(sys.argv[1:]), file=sys.stderr)


# A dry run has no hook at its end.
atexit.register(tell_why, workflow, PLAN, sys.argv[1:])
