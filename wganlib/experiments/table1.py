"""Table 1 of Gulrajani et al. 2017: the set of architectures, and which of them were drawn."""

import math
from collections import Counter
from itertools import accumulate

from wganlib import architectures
from wganlib.architectures.families.random_set import FACTORS
from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Quantity
from wganlib.reporting.content import Cell, Content, Table
from wganlib.reporting.factors import FACTOR_HEADS, FACTOR_TITLES, level_title

QUANTITIES: dict[str, Quantity] = {}


def report(tables: Tables) -> Content:
    """How often each value of each factor is drawn, and every drawn architecture with its size; what is planned is enough."""
    first = {int(entry.labels["architecture"]): entry for entry in reversed(tables.experiment.entries)}
    drawn = dict(sorted(first.items()))
    factors: list[list[Cell]] = []
    for name, values in FACTORS.items():
        counts = Counter(entry.labels[name] for entry in drawn.values())
        titles = [FACTOR_TITLES[name], *[""] * (len(values) - 1)]
        factors += [[title, level_title(v), counts[v]] for title, v in zip(titles, values, strict=True)]
    body: list[list[Cell]] = []
    for number, entry in drawn.items():
        net, shape = entry.spec.architecture, entry.spec.dataset.shape
        sizes = [architectures.parameters(net, shape, side) for side in ("generator", "critic")]
        body.append([number, *(level_title(entry.labels[name]) for name in FACTORS), *sizes])
    total, width = math.prod(map(len, FACTORS.values())), tables.experiment.entries[0].spec.architecture.width
    ends = list(accumulate(map(len, FACTORS.values())))[:-1]
    caption = (
        f"The factors of the set, {total:,} architectures in all, and how often each value is among the {len(drawn)} that "
        "are trained here: the first ones of the product of all values, last factor fastest, shuffled by NumPy's "
        "RandomState(42). Depth counts weight layers: 4 is the base, deeper networks have extra 3 × 3 convolutions at the "
        "middle resolution. Smooth ELU: softplus(2x + 2)/2 − 1. The critic's norm is batch norm for the GAN, layer norm under "
        f"the penalty. Networks have the filter counts times {width:g}."
    )
    listed = "The drawn architectures by the number that they have on all pages, with the parameters of both networks."
    return Content(
        tables=[
            Table(["|factor", "|value", "drawn"], factors, caption, tuple(end - 1 for end in ends)),
            Table(["no.", *FACTOR_HEADS, "parameters G", "parameters D"], body, listed),
        ]
    )
