"""The settings of an experiment's runs in words, from their specs."""

from collections.abc import Iterable

from wganlib.method import Clipping, ConstraintSpec, GradientPenalty, OptimizerSpec
from wganlib.spec import Spec
from wganlib.toys import Toy

_FORMS = {"two_sided": "two-sided", "one_sided": "one-sided", "max": "maximum", "centralised": "centralised"}
_NAMES = {"adam": "Adam", "rmsprop": "RMSProp", "rmsprop_tf": "RMSProp as in TensorFlow 1", "sgd": "SGD"}


def settings_lines(toy: Toy) -> list[str]:
    """One line for all runs of equal settings, headed by the options that they stand for."""
    lines: dict[str, list[dict[str, str]]] = {}
    for run in toy.runs:
        lines.setdefault(settings(run.spec), []).append(run.labels)
    options: dict[str, set[str]] = {}
    for run in toy.runs:
        for axis, label in run.labels.items():
            options.setdefault(axis, set()).add(label)
    described = []
    for text, labels in lines.items():
        axes = dict.fromkeys(axis for one in labels for axis in one)
        chosen = {axis: dict.fromkeys(one[axis] for one in labels if axis in one) for axis in axes}
        heads = [", ".join(found) for axis, found in chosen.items() if set(found) != options[axis]]
        described.append(f"{'; '.join(heads)}: {text}" if heads else text)
    return described


def settings(spec: Spec) -> str:
    """Networks, objective, constraint, optimisers and budget of a run."""
    net, method = spec.architecture, spec.method
    assert net.family == "toy"
    units = max(1, round(net.width * net.hidden_units))
    shape = f"{net.hidden_layers} x {units} {net.nonlinearity} ({net.initialization}{', dense' if net.dense else ''})"
    parts = [f"critic {shape}", f"objective {method.objective}", _constraint(method.constraint)]
    parts.append(f"{_optimizer(method.critic_optimizer)}, batch {method.batch_size}")
    if net.generator == "mlp":
        parts.append(
            f"generator of the same form, {_optimizer(method.generator_optimizer)}, batch {method.generator_batch_size}, "
            f"{method.critic_steps} critic step{'s' if method.critic_steps > 1 else ''} each"
        )
    parts.append(f"{spec.generator_iterations:,} iterations")
    return "; ".join(parts)


def _constraint(constraint: ConstraintSpec) -> str:
    if isinstance(constraint, Clipping):
        return f"clipped at {constraint.limit:g}"
    if isinstance(constraint, GradientPenalty):
        buffer = f", the {constraint.buffer.size} steepest points kept" if constraint.buffer else ""
        return f"{_FORMS[constraint.form]} gradient penalty of weight {constraint.weight:g}{buffer}"
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
