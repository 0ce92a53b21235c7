"""The region of effects for which a claim is true. Apart from the rules, so that reading claims waits for no scipy."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Region(NamedTuple):
    """The effects for which a claim is true: above `low` and below `high`; the edges themselves are outside."""

    low: float = -math.inf
    high: float = math.inf

    @property
    def edges(self) -> list[float]:
        """The edges that there are: one or two."""
        return [edge for edge in self if math.isfinite(edge)]

    def excess(self, effects: ArrayLike) -> NDArray[np.float64]:
        """How far effects of any shape lie beyond the region; below 0 inside it, where infinite ones may lie too."""
        x = np.asarray(effects, dtype=np.float64)
        none = np.where(np.isnan(x), math.nan, -math.inf)
        over = x - self.high if math.isfinite(self.high) else none
        under = self.low - x if math.isfinite(self.low) else none
        result: NDArray[np.float64] = np.maximum(over, under)
        return result

    def inside(self, low: ArrayLike, high: ArrayLike) -> Any:
        """Whether intervals lie inside; one whose bounds are not numbers does not."""
        return (self.excess(low) < 0) & (self.excess(high) < 0)

    def outside(self, low: ArrayLike, high: ArrayLike) -> Any:
        """Whether intervals lie outside, touching an edge at most."""
        below = np.less_equal(high, self.low) & math.isfinite(self.low)
        return below | (np.greater_equal(low, self.high) & math.isfinite(self.high))
