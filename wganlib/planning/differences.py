"""What differs between an experiment's runs at one scale and at another, computed from their specs. Needs no torch."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from wganlib.planning.describe import joined
from wganlib.planning.expansion import Experiment

LEFT_OUT = {"seed", "threads", "snapshots", "log_every", "numerics"}
"""Parts of a spec that are no setting of the training, or that have a row of their own."""

SHOWN = 4
"""More values than these are shown by the least and the largest."""


class Difference(NamedTuple):
    """A setting, and its values at the two scales."""

    setting: str
    mine: str
    other: str


def differences(mine: Experiment, other: Experiment) -> list[Difference]:
    """A row for each setting of the runs whose values are not the same at both scales; equal ones are left out."""
    result = []
    ours, theirs = _settings(mine), _settings(other)
    for name in dict.fromkeys((*theirs, *ours)):
        pair = (ours.get(name, {}), theirs.get(name, {}))
        if list(pair[0]) != list(pair[1]):
            result.append(Difference(words(name), *map(_values, pair)))
    return result


def _settings(experiment: Experiment) -> dict[str, dict[Any, None]]:
    """By dotted name the different values of a setting, in order."""
    result: dict[str, dict[Any, None]] = {}
    for entry in experiment.trained_entries:
        for name, value in flat(entry.spec.model_dump(mode="json", exclude_none=True, exclude=LEFT_OUT)):
            result.setdefault(name, {})[value] = None
    how = experiment.scoring
    result["seeds"] = {len(experiment.seeds): None}
    if isinstance(experiment.scale.architectures, int):
        result["architectures"] = {experiment.scale.architectures: None}
    if experiment.params.scored:
        parts = flat(how.model_dump(mode="json", exclude_none=True, exclude=LEFT_OUT))
        result |= {f"scoring.{name}": {value: None} for name, value in parts}
    return {name: dict.fromkeys(sorted(values, key=lambda v: (str(type(v)), v))) for name, values in result.items()}


def flat(value: Any, prefix: str = "") -> Iterable[tuple[str, Any]]:
    """The settings of a spec's plain data by their dotted names; a list is one."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from flat(part, f"{prefix}.{name}" if prefix else name)
    elif isinstance(value, list):
        yield prefix, ", ".join(map(str, value))
    else:
        yield prefix, value


def words(name: str) -> str:
    """A setting's dotted name in words.

    >>> words("method.critic_optimizer.learning_rate")
    "critic optimizer's learning rate"
    >>> words("scoring.num_samples")
    'scoring num samples'
    """
    parts = [part.replace("_", " ") for part in name.split(".")]
    if parts[0] == "scoring":
        return " ".join(parts)
    if parts[0] in ("method", "architecture", "dataset") and len(parts) > 1:
        parts = [f"{parts[0]} {parts[1]}", *parts[2:]] if parts[0] != "method" and len(parts) == 2 else parts[1:]
    return "'s ".join(parts)


def _values(values: dict[Any, None]) -> str:
    shown = [_text(value) for value in values]
    if not shown:
        return "–"
    return joined(shown) if len(shown) <= SHOWN else f"{len(shown)} values, {shown[0]} to {shown[-1]}"


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value).replace("_", " ")
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
