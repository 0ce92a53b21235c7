"""The Dirac-GAN (Mescheder et al. 2018): where one point against one point ends, under every objective and constraint."""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from wganlib.collecting.collected import Tables
from wganlib.measuring import dirac_gan
from wganlib.measuring.dirac_gan import Game, Steps
from wganlib.measuring.study import Array, Findings, Quantity, Study
from wganlib.reporting.content import Cell, Content, Number, Picture, Table, rows_of
from wganlib.reporting.style import FAKE, PALETTE, REAL, figure

QUANTITIES = {
    "real_part": Quantity("larger real part of the two eigenvalues at the equilibrium"),
    "modulus": Quantity("largest absolute eigenvalue of one generator iteration at the equilibrium"),
    "size": Quantity("mean distance between the points over the last tenth of the iterations"),
    "off_place": Quantity("largest | |θ| / (2 × weight) − 1 | over the last tenth of the iterations"),
    "sign_changes": Quantity("how often the critic's slope turns its sign in the second half of the iterations"),
    "creep": Quantity("mean of θ² + ψ² over the last tenth, times iterations and rate, over 8"),
    "swing": Quantity("the lesser of max θ and −min θ over the second half, over twice the weight"),
    "threshold_ratio": Quantity("least weight at which trajectories are held, over a law's; furthest from 1 of all starts"),
    "held": Quantity("share of random starts from which trajectories are held"),
}
"""The equilibrium is both points in one place and a critic of slope 0. Held: at rest where |θ| is twice the weight."""

Labels = dict[str, Any]
"""A training's labels: its weight, start, and what else is varied."""
DESCENT_CONSTRAINTS = ("clipping", "two_sided", "two_sided_smooth", "one_sided", "centralised")
LOCAL_OBJECTIVES = ("minimax_gan", "nonsaturating_gan", "wgan")
TITLES = {"two_sided": "two-sided", "two_sided_smooth": "two-sided, 1e-12 under the root", "one_sided": "one-sided"}


class Panel(NamedTuple):
    """A phase portrait: its game, whether Adam learns, generator iterations."""

    title: str
    game: Game
    adam: bool = False
    iterations: int = 600


PANELS = (
    Panel("GAN, no constraint", Game("minimax_gan"), iterations=1200),
    Panel("WGAN, clipping", Game("wgan", "clipping", 1.0)),
    Panel("two-sided, weight 0.1", Game("wgan", "two_sided", 0.1), iterations=1200),
    Panel("two-sided, weight 2", Game("wgan", "two_sided", 2.0)),
    Panel("two-sided, weight 2, Adam", Game("wgan", "two_sided", 2.0), adam=True),
    Panel("one-sided, weight 2", Game("wgan", "one_sided", 2.0)),
    Panel("centralised, weight 0.1", Game("wgan", "centralised", 0.1), iterations=1200),
    Panel("GAN with R1, weight 0.5", Game("minimax_gan", "r1", 0.5), iterations=1200),
)


def measure(study: Study) -> Findings:
    """Eigenvalues, ends of trajectories by gradient descent and by Adam, the two-sided penalty's threshold, phase portraits."""
    findings = Findings(QUANTITIES)
    settings = study.settings
    weights, zero_centred = settings["weights"], settings["zero_centred_weights"]
    starts = [{"slope": slope, "place": place} for slope, place in settings["starts"]]
    for game in _games(weights, zero_centred):
        _local(findings, game, settings["local"]["rate"])
    for constraint, count in itertools.product(DESCENT_CONSTRAINTS, settings["critic_steps"]):
        cells = _cells(starts, weight=[settings["limit"]] if constraint == "clipping" else weights)
        _descent(findings, Game("wgan", constraint), cells, count, **settings["descent"])
    for objective, constraint in itertools.product(LOCAL_OBJECTIVES, ("none", "r1")):
        cells = _cells(starts, weight=zero_centred if constraint == "r1" else [0.0])
        path = _descent(findings, Game(objective, constraint), cells, 1, **settings["local"])
        if constraint == "none":
            _creep(findings, path, Game(objective, constraint), cells, settings["local"]["rate"])
    _adam(findings, _cells(starts, weight=weights), settings["adam"])
    _threshold(findings, settings["threshold"], study.seeds[0])
    for i, panel in enumerate(PANELS):
        steps = _panel_steps(panel, settings["descent"]["rate"], settings["adam"])
        slope, place = _columns(starts[:1], "slope", "place")
        path = dirac_gan.trajectory(panel.game, steps, slope, place, panel.iterations)
        findings.arrays[f"path/{i}"] = path[:, :, 0]
    findings.rows.sort(key=lambda row: list(QUANTITIES).index(row["quantity"]))
    return findings


def _games(weights: list[float], zero_centred: list[float]) -> Iterator[Game]:
    """Those whose equilibrium is looked at: the two-sided penalty has a kink there."""
    for objective in dirac_gan.OBJECTIVE_SLOPES:
        yield Game(objective)
        yield from (Game(objective, *each) for each in itertools.product(("r1", "r2"), zero_centred))
    yield from (Game("wgan", *each) for each in itertools.product(("one_sided", "centralised", "max"), weights))


def _cells(starts: list[Labels], **axes: list[float]) -> list[Labels]:
    """All combinations of the axes' values, from each start."""
    return [dict(zip(axes, values, strict=True)) | start for values in itertools.product(*axes.values()) for start in starts]


def _columns(cells: list[Labels], *names: str) -> tuple[Array, ...]:
    return tuple(np.array([cell[name] for cell in cells]) for name in names)


def _local(findings: Findings, game: Game, rate: float) -> None:
    labels: Labels = {"objective": game.objective, "constraint": game.constraint, "weight": float(game.weight)}
    findings.add("real_part", dirac_gan.eigenvalues(game)[0].real, **labels)
    for name in ("simultaneous", "alternating"):
        modulus = dirac_gan.modulus(game, Steps(rate, rate, simultaneous=name == "simultaneous"))
        findings.add("modulus", modulus, **labels, steps=name)


def _descent(findings: Findings, game: Game, cells: list[Labels], critic_steps: int, rate: float, iterations: int) -> Array:
    weight, slope, place = _columns(cells, "weight", "slope", "place")
    steps = Steps(rate, rate, critic_steps)
    path = dirac_gan.trajectory(replace(game, weight=weight), steps, slope, place, iterations)
    _ends(findings, path, game, [cell | {"critic_steps": critic_steps} for cell in cells], "descent")
    return path


def _creep(findings: Findings, path: Array, game: Game, cells: list[Labels], rate: float) -> None:
    """The non-saturating GAN's r^2 = theta^2 + psi^2 falls at a rate of 2 u tanh(u / 2), u = psi theta.

    Near the equilibrium that is u^2, on average over a turn r^4 / 8: r^2 comes to be 8 / time.
    """
    time = np.arange(len(path)) * rate
    measure = (np.square(path).sum(axis=1) * time[:, None] / 8)[-(len(path) // 10) :].mean(axis=0)
    for cell, value in zip(cells, measure, strict=True):
        findings.add("creep", value, objective=game.objective, constraint=game.constraint, **cell)


def _adam(findings: Findings, cells: list[Labels], adam: dict[str, Any]) -> None:
    """The two-sided penalty and, beside it, the centralised one; all rates and decays run together."""
    axes = {"critic_rate": adam["critic_rates"], "beta1": adam["beta1"]}
    cells = [cell | more for cell in cells for more in _cells([{}], **axes)]
    weight, slope, place, critic_rate, beta1 = _columns(cells, "weight", "slope", "place", *axes)
    for constraint, count in (
        *itertools.product(("two_sided",), adam["critic_steps"]),
        ("centralised", adam["critic_steps"][0]),
    ):
        steps = Steps(critic_rate, adam["generator_rate"], count, betas=(beta1, adam["beta2"]))
        path = dirac_gan.trajectory(Game("wgan", constraint, weight), steps, slope, place, adam["iterations"])
        _ends(findings, path, Game("wgan", constraint), [cell | {"critic_steps": count} for cell in cells], "adam")


def _ends(findings: Findings, path: Array, game: Game, cells: list[Labels], optimizer: str) -> None:
    """What the second half and the last tenth of trajectories [T, 2, cells] say."""
    (psi, theta), size = np.moveaxis(path[len(path) // 2 :], 1, 0), np.abs(path[-(len(path) // 10) :, 1])
    changes = dirac_gan.sign_changes(psi)
    for i, cell in enumerate(cells):
        labels: Labels = {"objective": game.objective, "constraint": game.constraint, "optimizer": optimizer} | cell
        findings.add("size", size[:, i].mean(), **labels)
        findings.add("sign_changes", changes[i], **labels)
        if game.constraint in dirac_gan.PENALTY_SLOPES:
            held_at = 2 * cell["weight"]
            findings.add("off_place", np.abs(size[:, i] / held_at - 1).max(), **labels)
            findings.add("swing", min(theta[:, i].max(), -theta[:, i].min()) / held_at, **labels)


def _threshold(findings: Findings, search: dict[str, Any], seed: int) -> None:
    """The weight from which on random starts are held, by halving its interval, and shares held around the law's weight.

    The law has no part in the search: its bounds are a least weight and that at which one critic step overshoots. Settings of
    as many critic steps run together.
    """
    generator, starts = np.random.default_rng(seed), search["starts"]
    thresholds, shares = [], []
    for critic_steps, group in itertools.groupby(search["settings"], key=lambda setting: setting[2]):
        rates = np.array([setting[:2] for setting in group])
        least, held = _search(rates, critic_steps, generator, search)
        laws = np.array([dirac_gan.holding_weight(critic, other, critic_steps) for critic, other in rates])
        share = np.stack([held(np.repeat(ratio * laws, starts)) for ratio in search["ratios"]])
        for i, (critic_rate, generator_rate) in enumerate(rates):
            labels: Labels = {"critic_rate": critic_rate, "generator_rate": generator_rate, "critic_steps": critic_steps}
            for law, weight in (
                ("steps of any size", laws[i]),
                ("small steps", dirac_gan.small_step_weight(critic_rate, generator_rate, critic_steps)),
                ("without critic steps", dirac_gan.small_step_weight(critic_rate, generator_rate, 1)),
            ):
                furthest = np.abs(least[i] / weight - 1).argmax()
                findings.add("threshold_ratio", least[i, furthest] / weight, **labels, law=law)
            for ratio, value in zip(search["ratios"], share[:, i], strict=True):
                findings.add("held", value, **labels, ratio=ratio, side="above" if ratio >= 1 else "below")
            thresholds.append([laws[i], least[i].min(), least[i].max()])
        shares.append(share.T)
    findings.arrays |= {"thresholds": np.array(thresholds), "shares": np.concatenate(shares)}


def _search(
    rates: Array, critic_steps: int, generator: np.random.Generator, search: dict[str, Any]
) -> tuple[Array, Callable[[Array], Array]]:
    """Least weights that hold [settings, starts], and a function from weights [settings * starts] to shares [settings].

    `rates`: the critic's and the generator's, [settings, 2].
    """
    starts = search["starts"]
    critic_rate, generator_rate = np.repeat(rates.T, starts, axis=1)
    slope, place = generator.uniform(-search["spread"], search["spread"], (2, len(critic_rate)))
    iterations = math.ceil(search["length"] / math.sqrt(critic_steps * rates.prod(axis=1).min()))
    steps = Steps(critic_rate, generator_rate, critic_steps)

    def held(weight: Array) -> Any:
        return dirac_gan.held(dirac_gan.trajectory(Game("wgan", "two_sided", weight), steps, slope, place, iterations), weight)

    least = dirac_gan.bisect(held, np.full(len(slope), search["least_weight"]), 0.5 / critic_rate, search["rounds"])
    return least.reshape(-1, starts), lambda weight: held(weight).reshape(-1, starts).mean(axis=1)


def _panel_steps(panel: Panel, rate: float, adam: dict[str, Any]) -> Steps:
    return Steps(rate, rate, betas=(adam["beta1"][0], adam["beta2"]) if panel.adam else None)


def report(tables: Tables) -> Content:
    """Phase portraits, the threshold, where trajectories end."""
    return Content(pictures=[_portraits(tables), _thresholds(tables)], tables=[_local_table(tables), _end_table(tables)])


def _portraits(tables: Tables) -> Picture:
    """The plane of theta and psi: lines of the field, a trajectory, the real point, the two places of the trap."""
    drawn, axes = figure(2.8, 4, 2, sharex=True, sharey=True)
    theta, psi = np.meshgrid(np.linspace(-5, 5, 61), np.linspace(-3, 3, 61))
    for i, (panel, at) in enumerate(zip(PANELS, axes.flat, strict=True)):
        field = -dirac_gan.generator_gradient(panel.game, psi, theta), -dirac_gan.critic_gradient(panel.game, psi, theta)
        at.streamplot(theta, psi, *field, density=0.55, color="0.7", linewidth=0.5, arrowsize=0.5)
        path = tables.arrays[f"path/{i}"]
        at.plot(path[:, 1], path[:, 0], color=FAKE, linewidth=0.9)
        at.plot(path[-1, 1], path[-1, 0], "X", color=FAKE, markersize=5, markeredgewidth=0)
        at.plot(0, 0, "o", color=REAL, markersize=4)
        if panel.game.constraint == "two_sided":
            at.plot([-2 * panel.game.weight, 2 * panel.game.weight], [0, 0], "+", color="black", markersize=6)
        at.set_title(panel.title, fontsize=7.5)
        at.set(xlim=(-5, 5), ylim=(-3, 3), xticks=[-4, 0, 4], yticks=[-2, 0, 2], aspect="equal")
        at.tick_params(length=2, pad=1.5, labelsize=7)
    for at in axes[1]:
        at.set_xlabel("place $\\theta$")
    for at in axes[:, 0]:
        at.set_ylabel("slope $\\psi$")
    return Picture(
        drawn,
        "Across: where the generated point lies, θ; upwards: the slope of the critic, ψ, which is a straight line. The real "
        "point lies at 0; the orange dot, both points in one place and a flat critic, is where training should end. Grey: "
        "where small steps of gradient descent lead. Green: one training from θ = 1, by gradient descent or, where named, by "
        "Adam, with one critic step; its end is a cross. Black plus signs: where the two-sided penalty can hold the "
        "generated point, twice its weight from the real one. WGAN where no objective is named; GAN is the minimax one.",
    )


def _thresholds(tables: Tables) -> Picture:
    """Found against the law on the left, shares held around it on the right."""
    drawn, axes = figure(2.1, 2)
    left, right = axes[0]
    law, least, most = tables.arrays["thresholds"].T
    ends = np.array([law.min() / 1.5, law.max() * 1.5])
    left.plot(ends, ends, color="0.6", linewidth=0.8, label="the law")
    left.loglog(law, most, "o", color=PALETTE[0], markersize=4, label="found")
    left.set(xlabel="weight by the law", ylabel="weight from which on\nall starts are held")
    left.legend(loc="upper left", frameon=False)
    ratios: list[float] = tables.settings["threshold"]["ratios"]
    for share in tables.arrays["shares"]:
        right.plot(share, "o-", color=PALETTE[0], markersize=3, linewidth=0.6, alpha=0.5)
    right.axvline(sum(ratio < 1 for ratio in ratios) - 0.5, color="0.6", linewidth=0.8)
    right.set(xlabel="weight over the law's", ylabel="share of starts that are held")
    right.set_xticks(range(len(ratios)), [f"{ratio:g}" for ratio in ratios])
    starts, count = tables.settings["threshold"]["starts"], len(law)
    furthest = max(abs(np.concatenate([least / law, most / law]) - 1))
    return Picture(
        drawn,
        f"From which weight on the two-sided penalty holds the generated point, under gradient descent in {count} settings of "
        f"both rates and of critic steps, from {starts} random starts each. Left: found by halving the weight's interval, "
        "judged by the trajectories alone, against the weight by the law, weight × √(n h_c / h_g) = 1 with its correction for "
        f"large steps (rates h_c and h_g, n critic steps); they differ by at most {100 * furthest:.1f} %. Right: the share of "
        "starts held; the lines of all settings lie on one another where they agree.",
    )


def _local_table(tables: Tables) -> Table:
    """Eigenvalues by objective, without a constraint and with R1."""
    rows: list[list[Cell]] = []
    table, modulus = (tables.quantities[tables.quantities["quantity"] == name] for name in ("real_part", "modulus"))
    for objective in dict.fromkeys(table["objective"]):
        plain, r1 = (rows_of(table, objective=objective, constraint=name) for name in ("none", "r1"))
        by_steps = (
            rows_of(modulus, objective=objective, constraint="none", steps=name) for name in ("simultaneous", "alternating")
        )
        values = [plain["value"].max(), *(each["value"].max() for each in by_steps), r1["value"].max()]
        rows.append([objective.replace("_", " "), *(Number(value, 4) for value in values)])
    rate = tables.settings["local"]["rate"]
    weights = tables.settings["zero_centred_weights"]
    return Table(
        ["|objective", "real part", "simultaneous steps", "alternating steps", "real part with R1"],
        rows,
        "At the equilibrium. Real part: the larger one of the two eigenvalues, without a constraint and with R1 (the largest "
        f"over weights from {min(weights):g} to {max(weights):g}); training comes to rest only where it is below 0. Steps: the "
        f"factor by which one iteration of gradient descent with rates of {rate:g} changes the distance from the equilibrium.",
    )


def _end_table(tables: Tables) -> Table:
    """The generated point's distance at the end by constraint, weight and critic steps."""
    table = rows_of(tables.quantities, quantity="size", objective="wgan", optimizer="descent")
    counts = tables.settings["critic_steps"]
    rows: list[list[Cell]] = []
    for constraint in DESCENT_CONSTRAINTS:
        for weight in dict.fromkeys(rows_of(table, constraint=constraint)["weight"]):
            values = (
                rows_of(table, constraint=constraint, weight=weight, critic_steps=count)["value"].mean() for count in counts
            )
            rows.append(
                [TITLES.get(constraint, constraint), Number(weight, 1), *(Number(round(value, 6), 3) for value in values)]
            )
    return Table(
        ["|constraint", "weight or limit", *(f"{count} critic step{'s' * (count > 1)}" for count in counts)],
        rows,
        "How far from the real point the generated one is at the end of a WGAN's training by gradient descent, on average over "
        f"the last tenth of {tables.settings['descent']['iterations']} iterations and over the starts. The two-sided penalty "
        "holds it at twice the weight, above a threshold; with 1e-12 under the root, as the library computes the norm, the "
        "critic's slope passes 0 in the end, and the point goes round.",
    )
