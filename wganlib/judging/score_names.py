"""Which columns hold a run's scores, and which of them head a report. Needs no torch: specs read the names."""

from collections.abc import Sequence
from typing import Any, NamedTuple


class ScoreColumns(NamedTuple):
    """The columns of the score that a report heads, and its names in words; "inception" and "classifier" never share one."""

    score: str
    split_std: str
    distance: str
    distance_error: str
    title: str
    distance_title: str

    @property
    def untrained(self) -> str:
        """The column of the untrained generator's score."""
        return f"untrained_{self.score}"

    def named(self, values: Sequence[float | None]) -> dict[str, Any]:
        """Score, its spread over splits, distance, and the distance's error under the names of their columns."""
        return dict(zip(self[:4], values, strict=True))


COLUMNS = {
    "classifier": ScoreColumns(
        "classifier_score",
        "classifier_score_split_std",
        "frechet_classifier_distance",
        "frechet_classifier_distance_standard_error",
        "classifier score",
        "Fréchet classifier distance",
    ),
    "inception": ScoreColumns(
        "inception_score",
        "inception_score_split_std",
        "frechet_inception_distance",
        "frechet_inception_distance_standard_error",
        "Inception Score",
        "FID",
    ),
}
"""By the network that scores; one that scores by Inception has the classifier's beside them."""
