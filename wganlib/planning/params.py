"""What `params/` may say: one model a file, and the reader of YAML. Importing this needs no torch."""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, model_validator

from wganlib.datasets.spec import DatasetSpec
from wganlib.errors import WganlibError
from wganlib.fields import NonNegativeFloat, Part, PositiveFloat, PositiveInt
from wganlib.methods.method import MethodSpec
from wganlib.spec.scoring import ScoringSpec

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The faster safe loader, where PyYAML was built with it."""

TAG = "tag:yaml.org,2002:"
"""What the names of YAML's types begin with."""

AS_WRITTEN = {
    "str": re.compile(r"(?![-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$).*", re.DOTALL),
    "int": re.compile(r"[-+]?(0|[1-9][0-9]*)"),
    "float": re.compile(r"[^_:]+"),
    "bool": re.compile(r"true|false", re.IGNORECASE),
    "null": re.compile(r"null|~?", re.IGNORECASE),
}
"""The types of values and the spellings of each that a reader takes for the same: to YAML 1.1 yes is true and 010 is 8."""


NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
"""Of experiments, methods and scales: they become folders, files and words of a shell's command."""

TAKEN = {
    "experiments": ("claims",),
    "scales": ("checkpoints", "classifiers", "published", "runs", "stacks"),
}
"""Names whose files or folders hold something else."""


class Config(Part):
    """`params/config.yaml`: what a plain `snakemake` builds, and at which scale."""

    scale: str
    targets: tuple[str, ...]


class ClassifierParams(Part):
    """Budget of the data set's classifier."""

    epochs: PositiveInt
    seed: Annotated[int, Field(ge=0)]
    resnet_width: PositiveInt | None = None


class Throughput(Part):
    """A device's speed, for cost estimates: seconds = flops / flops_per_second + layer calls * seconds_per_layer_call."""

    device: str
    flops_per_second: PositiveFloat
    seconds_per_layer_call: NonNegativeFloat


class StackThroughput(Throughput):
    """The same for stacks, whose layer calls are shared by all their runs.

    Beside operations and layer calls count: each critic step, each run's drawing of a batch, each critic weight's update.
    """

    seconds_per_step: NonNegativeFloat
    seconds_per_draw: NonNegativeFloat
    seconds_per_weight: NonNegativeFloat


class ScaleParams(Part):
    """`params/scales/<scale>.yaml`: data, size of the networks, budget and machine of a scale."""

    dataset: DatasetSpec
    width: PositiveFloat
    scoring: ScoringSpec
    classifier: ClassifierParams
    device: Literal["auto", "cpu", "cuda"]
    threads: PositiveInt
    checkpoint_seconds: PositiveFloat
    throughput: Throughput
    toy_throughput: StackThroughput
    """Of the machine that trains stacks."""


class MethodParams(Part):
    """`params/methods/<method>.yaml`: a method as its paper recommends it."""

    title: str
    source: str
    settings: MethodSpec
    scales: dict[str, dict[str, Any]] = {}
    """Settings that a scale has otherwise."""


class PublishedTable(Part):
    """Outcomes of a paper's table, one row a threshold; `columns` name a row's parts."""

    source: str
    score: str
    architectures: PositiveInt
    columns: tuple[str, ...]
    rows: tuple[tuple[float | int, ...], ...]

    @model_validator(mode="after")
    def _sums(self) -> Self:
        for row in self.rows:
            if len(row) != len(self.columns) or sum(row[1:]) != self.architectures:
                raise ValueError(
                    f"row {list(row)}: needs {len(self.columns)} parts, and counts whose sum is {self.architectures}"
                )
        return self


class PublishedRow(Part):
    """A row of scores of a paper's table: value, and what the paper prints behind ±, if anything."""

    name: str
    labels: dict[str, str] = {}
    """The options of an experiment's axes that it belongs to; none for a row that is not trained here."""
    inception_score: tuple[float, ...] | None = None
    frechet_inception_distance: tuple[float, ...] | None = None


class PublishedScores(Part):
    """A paper's table of scores."""

    source: str
    certainty: str
    spread: str
    """What stands behind ±."""
    rows: tuple[PublishedRow, ...]

    def of(self, score: str, **labels: str) -> str:
        """The row of these options as the paper prints it; a dash where it has none."""
        for row in self.rows:
            value = getattr(row, score)
            if row.labels and value and row.labels.items() <= labels.items():
                return " ± ".join(f"{v:.2f}" for v in value)
        return "–"


class PublishedCounts(Part):
    """Counts that a paper states in its text."""

    source: str
    certainty: str
    counts: dict[str, int]


class Published(Part):
    """`params/published.yaml`: the papers' numbers."""

    outcomes: dict[str, PublishedTable]
    scores: dict[str, PublishedScores]
    counts: dict[str, PublishedCounts]


def named_files(folder: Path) -> dict[str, Path]:
    """The YAML files of a folder of experiments, methods or scales, by the names of these.

    Raises:
        WganlibError: a name cannot be a file's and a shell word, or has another use, or the file has YAML's other suffix.
    """
    found = {}
    for path in sorted(path for path in folder.glob("*") if not path.name.startswith(".")):
        if path.suffix.lower() in (".yml", ".yaml") and path.suffix != ".yaml":
            raise WganlibError(f"{path}: found the suffix {path.suffix}, allowed is .yaml: rename it to {path.stem}.yaml")
        if path.suffix != ".yaml":
            continue
        if not NAME.fullmatch(path.stem):
            better = re.sub(r"[^A-Za-z0-9_-]+", "_", path.stem).strip("_-") or "a"
            raise WganlibError(
                f"{path}: found the name {path.stem!r}, allowed are letters from a to z, digits, _ and -, the first a letter "
                f"or a digit: rename it, for example to {better}.yaml"
            )
        if path.stem in TAKEN.get(folder.name, ()):
            raise WganlibError(f"{path}: the name {path.stem!r} stands for something else among the results: choose another")
        found[path.stem] = path
    return found


def read_yaml(path: Path) -> Any:
    """Plain data of a YAML file in which everything is what it looks like.

    Raises:
        WganlibError: the file is missing or not YAML; a key stands twice in a mapping or is not text; a value is none of text,
            usually written numbers, true, false and null. The message names the line.
    """
    try:
        loader = LOADER(path.read_text(encoding="utf-8"))
        root = loader.get_single_node()
        _check(root, path, set())
        return loader.construct_document(root) if root else None
    except FileNotFoundError:
        other = path.with_suffix(".yml")
        raise WganlibError(f"{path}: no such file{f'; rename {other}' if other.exists() else ''}") from None
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise WganlibError(f"{path}: not readable as YAML ({' '.join(str(error).split())})") from None


def _check(node: yaml.Node | None, path: Path, checked: set[int]) -> None:
    """Refuse keys that stand twice or are not text, and values that YAML 1.1 takes for something else than they look."""
    if node is None or id(node) in checked:  # an alias is the node of its anchor
        return
    checked.add(id(node))
    kind, where = node.tag.removeprefix(TAG), f"{path}:{node.start_mark.line + 1}"
    if isinstance(node, yaml.ScalarNode):
        if kind not in AS_WRITTEN or not (node.style or AS_WRITTEN[kind].fullmatch(node.value)):
            meaning, better = _meaning(node, kind)
            raise WganlibError(
                f"{where}: found {node.value}, which YAML reads as {meaning}: {better}write it in quotes if text is meant"
            )
    elif kind == "seq":
        for item in node.value:
            _check(item, path, checked)
    elif kind == "map":
        _check_keys([key for key, _ in node.value], path)
        for _, value in node.value:
            _check(value, path, checked)
    else:
        raise WganlibError(f"{where}: found !!{kind}: allowed are mappings and lists")


def _check_keys(keys: list[yaml.Node], path: Path) -> None:
    lines: dict[str, int] = {}
    for key in keys:
        kind, line = key.tag.removeprefix(TAG), key.start_mark.line + 1
        if kind not in ("str", "merge"):
            shown = f"{key.value}, which YAML reads as {_meaning(key, kind)[0]}" if isinstance(key, yaml.ScalarNode) else kind
            raise WganlibError(f"{path}:{line}: a key is text, found {shown}: write it in quotes")
        if key.value in lines:
            raise WganlibError(f"{path}:{line}: key {key.value!r} stands in line {lines[key.value]} too: keep one of them")
        lines[key.value] = line


def _meaning(node: yaml.Node, kind: str) -> tuple[str, str]:
    """What YAML 1.1 takes a plain value for, and advice how to write that."""
    if kind == "str":
        mantissa, exponent = re.split("[eE]", node.value)
        whole, _, fraction = mantissa.partition(".")
        return "text", f"write {whole}.{fraction or 0}e{'' if exponent[0] in '+-' else '+'}{exponent}, or "
    if kind in AS_WRITTEN:
        value = json.dumps(LOADER("").construct_object(node))
        return value, f"write {value}, or "
    return f"a {kind}", ""
