"""Table 1 of Gulrajani et al. 2017: the set of architectures, and which of them were drawn."""

import math

from wganlib import architectures
from wganlib.architectures.families.random_set import FACTORS
from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Quantity
from wganlib.reporting.content import Content
from wganlib.reporting.factors import FACTOR_TITLES, level_title

QUANTITIES: dict[str, Quantity] = {}


def report(tables: Tables) -> Content:
    """How often each value of each factor is drawn, and the sizes of the networks; what is planned is enough."""
    entries = tables.experiment.entries
    drawn = {entry.labels["architecture"]: entry.labels for entry in entries}.values()
    sizes = {
        side: [architectures.parameters(entry.spec.architecture, entry.spec.dataset.shape, side) for entry in entries]
        for side in ("generator", "critic")
    }
    numbers = {
        "total": math.prod(map(len, FACTORS.values())),
        "drawn": len(drawn),
        "width": entries[0].spec.architecture.width,
        "factors": [
            {
                "title": FACTOR_TITLES[name],
                "levels": [
                    {"level": level_title(value), "drawn": sum(labels[name] == value for labels in drawn)} for value in values
                ],
            }
            for name, values in FACTORS.items()
        ],
        "parameters": {side: [min(counts), max(counts)] for side, counts in sizes.items()},
    }
    return Content(template="table1", numbers=numbers)
