"""The report of `language_model`, of runs that a CPU core trains in an hour."""

from wganlib.reporting.experiments.language_model import QUANTITIES, report

__all__ = ["QUANTITIES", "report"]
