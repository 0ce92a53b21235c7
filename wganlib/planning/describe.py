"""The settings of an experiment's runs in words, from their specs."""

from collections.abc import Iterable

from wganlib import architectures
from wganlib.architectures.families.random_set import FACTORS
from wganlib.methods.method import Clipping, ConstraintSpec, GradientPenalty, OptimizerSpec
from wganlib.planning.expansion import Entry
from wganlib.planning.experiment import Label
from wganlib.spec.run import Spec

_FORMS = {"two_sided": "two-sided", "one_sided": "one-sided", "max": "maximum", "centralised": "centralised"}
_NAMES = {"adam": "Adam", "rmsprop": "RMSProp", "rmsprop_tf": "RMSProp as in TensorFlow 1", "sgd": "SGD"}

_NUMBERED = {"architecture", *FACTORS}

CONSTRAINT = "{constraint}"
"""Stands for the constraint where runs that differ in it have one line."""


def settings_lines(runs: Iterable[Entry]) -> list[str]:
    """One line for all runs whose settings are equal but for the constraint, headed by the options that they stand for.

    Networks and training have lines apart where that takes fewer, as where every network is trained by every method. What is
    the same in all lines stands in one before them.
    """
    told, constraints = [], dict[tuple[str, str], dict[str, None]]()
    for run in runs:
        # Numbered architectures are many, and stand in a table.
        numbered = isinstance(run.labels.get("architecture"), int)
        kept = {axis: label for axis, label in run.labels.items() if not (numbered and axis in _NUMBERED)}
        texts = _settings(run.spec, numbered)
        told.append((texts, kept))
        constraints.setdefault(texts, {})[_constraint(run.spec.method.constraint)] = None
    told = [
        ((networks, training.replace(CONSTRAINT, _together(constraints[networks, training]))), labels)
        for (networks, training), labels in told
    ]
    together = _lines((f"{networks}; {training}", labels) for (networks, training), labels in told)
    apart = [line for part in (0, 1) for line in _lines((texts[part], labels) for texts, labels in told)]
    return min(together, apart, key=len)


def _together(constraints: Iterable[str]) -> str:
    """Constraints, those that differ in their weight alone as one.

    >>> _together(["penalty of weight 10", "penalty of weight 1", "none"])
    'penalty of weight 10 and 1 and none'
    """
    weights: dict[str, list[str]] = {}
    for constraint in constraints:
        kind, _, weight = constraint.partition(" of weight ")
        # What stands behind a weight belongs to that alone.
        weights.setdefault(constraint if "," in weight else kind, []).extend([weight] if weight and "," not in weight else [])
    return joined([f"{kind} of weight {joined(ones)}" if ones else kind for kind, ones in weights.items()])


def _lines(told: Iterable[tuple[str, dict[str, Label]]]) -> list[str]:
    """A line for each text, headed by the options of the axes that do not have it with all; first what all share."""
    lines: dict[str, list[dict[str, Label]]] = {}
    options: dict[str, set[Label]] = {}
    for text, labels in told:
        lines.setdefault(text, []).append(labels)
        for axis, label in labels.items():
            options.setdefault(axis, set()).add(label)
    shared = [part for part in next(iter(lines), "").split("; ") if all(part in text.split("; ") for text in lines)]
    shared = shared if len(lines) > 1 else []
    described = [f"all: {'; '.join(shared)}"] if shared else []
    for text, labelled in lines.items():
        axes = dict.fromkeys(axis for one in labelled for axis in one)
        chosen = {axis: dict.fromkeys(one[axis] for one in labelled if axis in one) for axis in axes}
        heads = [", ".join(map(str, result)) for axis, result in chosen.items() if set(result) != options[axis]]
        own = "; ".join(part for part in text.split("; ") if part not in shared) or "nothing else"
        described.append(f"{'; '.join(heads)}: {own}" if heads else own)
    return described


def _settings(spec: Spec, numbered: bool) -> tuple[str, str]:
    """Networks; objective, place of the constraint, optimisers, budget. Of a numbered architecture without what it decides."""
    net, method = spec.architecture, spec.method
    if net.family == "toy":
        units = max(1, round(net.width * net.hidden_units))
        shape = f"{net.hidden_layers} x {units} {net.nonlinearity} ({net.initialization}{', dense' if net.dense else ''})"
        networks, generates = f"critic {shape}", net.generator == "mlp"
        of = "of the same form, "
    elif numbered:
        networks, generates, of = f"{_data(spec)}; {net.family}, width {net.width:g}", True, ""
    else:
        counts = [architectures.parameters(net, spec.dataset.shape, network) for network in ("generator", "critic")]
        networks, generates = f"{_data(spec)}; {_network(spec)}, {counts[0]:,} + {counts[1]:,} parameters", True
        of = ""
    parts = [f"objective {method.objective}", CONSTRAINT]
    parts.append(f"critic {_optimizer(method.critic_optimizer)}, batch {method.batch_size}")
    if generates:
        parts.append(
            f"generator {of}{_optimizer(method.generator_optimizer)}, batch {method.generator_batch_size}, "
            f"{method.critic_steps} critic step{'s' if method.critic_steps > 1 else ''} each"
        )
    if method.critic_l2 and not numbered:
        parts.append(f"L2 {method.critic_l2:g}")
    if (method.generator_sub_batches or method.critic_sub_batches) and not numbered:
        parts.append(f"batch norm over {method.generator_sub_batches or method.critic_sub_batches} parts of a batch")
    if method.generator_ema:
        parts.append(f"averaged weights (decay {method.generator_ema:g})")
    parts.append(f"{spec.generator_iterations:,} iterations")
    return networks, "; ".join(parts)


TITLES = {
    "gaussians8": "8 Gaussians",
    "gaussians25": "25 Gaussians",
    "swiss_roll": "the Swiss roll",
    "lgan_case1": "squares that lie apart",
    "lgan_case2": "squares that overlap",
    "lgan_case3": "a Gaussian against two",
    "parallel_lines": "parallel lines",
    "two_gaussians": "two Gaussians",
    "two_points": "two points",
    "digits_pairs": "ten digits against ten images of noise",
    "cifar10_pairs": "ten images of CIFAR-10 against ten of noise",
    "mnist": "MNIST",
    "cifar10": "CIFAR-10",
    "tiny_imagenet": "Tiny ImageNet",
    "imagenet32": "32 × 32 ImageNet",
    "lsun_bedrooms": "LSUN bedrooms",
    "flowers102": "Oxford flowers",
    "sklearn_texts": "scikit-learn's texts",
    "billion_word": "Billion Word",
}
"""Data sets in the words of sentences, where their names are not words."""


def world(runs: Iterable[Spec]) -> str:
    """What a verdict on these runs is about: their data and training, in words; nothing for none.

    A verdict holds in the world in which it was measured.
    """
    runs = list(runs)
    if not runs:
        return ""
    data = dict.fromkeys(TITLES.get(spec.dataset.name, spec.dataset.name) + _size(spec) for spec in runs)
    iterations = sorted({spec.generator_iterations for spec in runs})
    budget = f"{iterations[0]:,}" + (f" to {iterations[-1]:,}" if len(iterations) > 1 else "")
    return f"on {joined(data)} after {budget} iterations"


def _data(spec: Spec) -> str:
    return f"{spec.dataset.name}{_size(spec)}"


def _size(spec: Spec) -> str:
    data = spec.dataset
    size = f" at {data.image_size} × {data.image_size}" if data.image_size else ""
    if data.length:
        size = f", {data.length} symbols a line"
    return size + (f", {data.train_limit:,} examples" if data.train_limit else "")


def _network(spec: Spec) -> str:
    """The family with those options that are not numbers, and its width."""
    values = spec.architecture.model_dump(exclude_none=True, exclude={"family", "width", "latent_size"}, exclude_defaults=True)
    options = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())
    return f"{spec.architecture.family}{f' ({options})' if options else ''}, width {spec.architecture.width:g}"


def _constraint(constraint: ConstraintSpec) -> str:
    if isinstance(constraint, Clipping):
        return f"clipped at {constraint.limit:g}"
    if isinstance(constraint, GradientPenalty):
        buffer = f", the {constraint.buffer.size} steepest points kept" if constraint.buffer else ""
        place = f" at {constraint.at.replace('_', ' ')} examples" if constraint.at else ""
        return f"{_FORMS[constraint.form]} gradient penalty of weight {constraint.weight:g}{place}{buffer}"
    return {"none": "no constraint", "spectral_normalization": "spectral normalisation"}[constraint.kind]


def _optimizer(optimizer: OptimizerSpec) -> str:
    betas = f" ({optimizer.beta1:g}, {optimizer.beta2:g})" if optimizer.name == "adam" else ""
    decay = ", decaying" if optimizer.decay else ""
    return f"{_NAMES[optimizer.name]} {optimizer.learning_rate:g}{betas}{decay}"


def joined(words: Iterable[str]) -> str:
    """Words in a row, "and" before the last.

    >>> joined(["a", "b", "c"])
    'a, b and c'
    """
    listed = list(words)
    return " and ".join(part for part in (", ".join(listed[:-1]), *listed[-1:]) if part)
