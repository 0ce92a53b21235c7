"""Table 1 of Gulrajani et al. 2017: the set of architectures, and which of them were trained."""

import math
from pathlib import Path
from typing import Any

from wganlib import architectures
from wganlib.architectures.families import random_set
from wganlib.experiments.table2 import FACTOR_TITLES, level_title
from wganlib.planning.plan import Experiment, Plan


def build(plan: Plan, experiment: Experiment, results: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The numbers of the report; it has no pictures and needs the plan alone."""
    count = experiment.scale.architectures
    drawn = random_set.sample(count) if isinstance(count, int) else [random_set.BASE]
    data = experiment.entries[0].spec.dataset.shape
    parameters = []
    for factors in drawn:
        spec = random_set.architecture(factors, width=plan.params.width, critic_norm="layer")
        parameters.append([architectures.parameters(spec, data, network) for network in ("generator", "critic")])
    numbers = {
        "scale": plan.scale,
        "source": experiment.params.source,
        "total": math.prod(map(len, random_set.FACTORS.values())),
        "drawn": len(drawn),
        "width": plan.params.width,
        "factors": [
            {
                "title": FACTOR_TITLES[name],
                "levels": [
                    {"level": level_title(value), "drawn": sum(factors[name] == value for factors in drawn)} for value in values
                ],
            }
            for name, values in random_set.FACTORS.items()
        ],
        "parameters": {
            side: [min(p[i] for p in parameters), max(p[i] for p in parameters)]
            for i, side in enumerate(("generator", "critic"))
        },
    }
    return numbers, {}
