"""Where everything lies: the files that a run, a stack, a classifier, a table or a report consists of, and their folders."""

from pathlib import Path

PROVENANCE = "provenance.json"
"""How a run or a stack was made, with the digests of its other files; written last."""

RUN_FILES = ("spec.json", "generator.safetensors", "critic.safetensors", "history.parquet", PROVENANCE)
"""What training a run makes, besides the snapshots that its spec lists; a run is there when all of these are."""

SCORE_FILES = ("scores.json", "samples.png", "progress.png")
"""What scoring a run adds."""

STACK_FILES = ("stack.json", "critics.safetensors", "generators.safetensors", "history.parquet", PROVENANCE)
"""What training a stack makes."""

CLASSIFIER_FILES = ("classifier.safetensors", "reference.safetensors", "classifier.json")
"""Weights, what scores compare with, and the description, which holds times and decides no score."""

TABLE_FILES = ("runs.csv", "snapshots.csv", "curves.csv", "quantities.csv", "metrics.json", "facts.json", "arrays.npz")
"""What an experiment's tables consist of."""

CLAIMS = "claims.json"
"""Verdicts: on an experiment's claims beside its tables, on all claims of a scale in the folder above."""

PAGE = "runs.html"
"""The page beside them, on which every run can be opened."""

REPORT_SUFFIXES = (".pdf", ".json", ".png")
"""A report, its numbers, and a picture of its first page."""

MANIFEST = "manifest.json"
"""Beside a scale's published tables: what trainings they and the published reports come from."""


def command(target: str, scale: str) -> str:
    """What to type for a target of the workflow and all that it is made from."""
    return f"snakemake --cores all {target} --config scale={scale}"


def snapshot_name(iteration: int) -> str:
    """A snapshot's file, relative to its run's folder."""
    return f"snapshots/{iteration}.safetensors"


def run_folder(results: Path, key: str) -> Path:
    return results / "runs" / key


def stack_folder(results: Path, key: str) -> Path:
    return results / "stacks" / key


def classifier_folder(results: Path, key: str) -> Path:
    return results / "classifiers" / key


def checkpoint_folder(results: Path, key: str) -> Path:
    """Where a run or a stack keeps its state while it trains."""
    return results / "checkpoints" / key


def table_folder(results: Path, scale: str, experiment: str) -> Path:
    return results / scale / experiment


def published_folder(root: Path, scale: str) -> Path:
    """Where git holds copies of a scale's tables or reports; `root` is the folder of results or of reports."""
    return root / "published" / scale
