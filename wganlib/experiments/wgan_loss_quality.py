"""Losses of WGAN and GAN beside the quality of samples (Arjovsky et al. 2017, Figures 3, 4 and 8)."""

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Findings, Quantity
from wganlib.reporting.content import Content, Picture, rows_of
from wganlib.reporting.grammar import by_options, gain, measured, scores
from wganlib.reporting.style import PALETTE, figure

Array = NDArray[np.float64]

WGAN, USUAL = "wgan_2017", "usual"
LOG_2 = math.log(2)
DCGAN, MLP, MLPS = "DCGAN", "MLP", "MLP with MLP critic"

QUANTITIES = {
    "estimate_most": Quantity("largest filtered estimate: of JS in nats, of W up to a factor"),
    "estimate_end": Quantity("median of the estimate over the last fifth of training"),
    "rise": Quantity("median of the estimate in the last fifth less that in the first; of W as a share of the first"),
    "cost": Quantity("median of the generator's cost in the last quarter of training less that in the first"),
    "change": Quantity("change of the estimate over the last half of training as a share of its value at half"),
    "improvement": Quantity("fall of the Fréchet distance over the last half, in standard errors"),
    "moved": Quantity("largest step of its logarithm from a checkpoint to the next in the first half"),
    "fall": Quantity("fall of its logarithm from the first checkpoint to the last"),
    "end": Quantity("its logarithm at the end"),
    "correlation": Quantity("rank correlation over checkpoints of a loss with a measure of quality"),
    "beyond_time": Quantity("the same, with what the number of the iteration says taken out of both"),
    "ordered": Quantity(
        "difference of two generators' estimates over the sum of their sizes, above 0 where the worse samples' is higher: mean "
        "over checkpoints"
    ),
}


class Course(NamedTuple):
    """A run's filtered losses by iteration, none where it diverged, and its scored checkpoints, the first untrained."""

    run: str
    labels: dict[str, Any]
    seed: int
    total: int
    losses: pd.DataFrame
    moments: pd.DataFrame

    def median(self, name: str, low: float, high: float) -> float:
        """Median of a column of the losses in the part (low, high] of the budget; not a number without rows."""
        chosen = self.losses["iteration"].between(low * self.total, high * self.total, inclusive="right")
        return float(self.losses[name][chosen].median())

    def at(self, iterations: Any, name: str = "estimate") -> Array:
        """A column of the losses at iterations [n]; not numbers where there are no losses."""
        empty = np.full(len(iterations), np.nan)
        return np.interp(iterations, self.losses["iteration"], self.losses[name]) if len(self.losses) else empty


def w_estimate(critic_loss: Any) -> Any:
    """Estimate of W(real, generated) up to a factor, mean f(real) - mean f(fake), from the loss, its negative (eq. 3)."""
    return -critic_loss


def js_estimate(critic_loss: Any) -> Any:
    """Lower bound of JS in nats, L / 2 + log 2, where the loss is -L = -E log D(real) - E log(1 - D(fake)) (section 4.2).

    >>> js_estimate(np.array([0.0, 2 * LOG_2])).round(6).tolist()  # a perfect discriminator, and one that says 1/2
    [0.693147, 0.0]
    """
    return LOG_2 - critic_loss / 2


def spearman(first: Array, second: Array) -> float:
    """Spearman's correlation; not a number below four pairs, or where one of both is constant or unknown."""
    if len(first) < 4 or not np.isfinite([first, second]).all() or not (np.ptp(first) and np.ptp(second)):
        return math.nan
    return float(stats.spearmanr(first, second).statistic)


def partial(first: Array, second: Array, given: Array) -> float:
    """Spearman's correlation of two [n] given a third; where that says all of one of them, nothing is left: 0."""
    r, a, b = spearman(first, second), spearman(first, given), spearman(second, given)
    room = (1 - a**2) * (1 - b**2)
    return (r - a * b) / math.sqrt(room) if room > 1e-12 or math.isnan(room) else 0.0


def labelled(tables: Tables) -> pd.DataFrame:
    """The runs; those of a group without an axis of rates have the usual ones."""
    runs = tables.runs
    return runs.assign(rates=runs["rates"].fillna(USUAL) if "rates" in runs else USUAL)


def courses(tables: Tables) -> list[Course]:
    """Losses and checkpoints of the runs that have a result; rows that are not finite are left out."""
    result, runs = [], labelled(tables)
    for run in runs[runs["outcome"] != "out_of_memory"].to_dict("records"):
        rows = rows_of(tables.curves, run=run["run"]).sort_values("generator_iteration")
        estimate = w_estimate if run["method"] == WGAN else js_estimate
        columns = {"iteration": rows["generator_iteration"], "estimate": estimate(rows["critic_loss_median"])}
        losses = pd.DataFrame(columns | {"cost": rows["generator_loss_median"]}).astype(float)
        losses = losses[np.isfinite(losses).all(axis=1) & (run["outcome"] == "ok")]
        labels = {name: str(run[name]) for name in ("method", "generator", "rates")}
        moments = rows_of(tables.snapshots, run=run["run"]).sort_values("generator_iteration")
        result.append(Course(run["run"], labels, int(run["seed"]), tables.iterations(run["run"]), losses, moments))
    return result


def measure(tables: Tables) -> Findings:
    """What each run's losses say, and how they go with the quality of its samples at the checkpoints."""
    findings, c, runs = Findings(QUANTITIES), tables.columns, courses(tables)
    for x in runs:
        for name, value in (_losses(x) | _distances(x, c.distance, c.distance_error)).items():
            findings.add(name, value, seed=x.seed, **x.labels)
        alike = [other for other in runs if other.labels == x.labels]
        following = alike[(alike.index(x) + 1) % len(alike)]
        _correlations(findings, x, following, {"distance": c.distance, "score": c.score, "transport cost": "transport_cost"})
    usual = {(x.labels["method"], x.labels["generator"], x.seed): x for x in runs if x.labels["rates"] == USUAL}
    for (method, generator, seed), x in usual.items():
        if generator != DCGAN and (other := usual.get((method, DCGAN, seed))):
            # The pair of MLPs has another critic than the DCGAN.
            critics = "the same" if generator == MLP else "others"
            findings.add("ordered", ordered(x, other, c.distance), seed=seed, method=method, critics=critics)
    return findings


def _losses(x: Course) -> dict[str, float]:
    first, last = x.median("estimate", 0, 0.2), x.median("estimate", 0.8, 1)
    half, end = x.at([x.total / 2, x.total])
    return {
        "estimate_most": x.losses["estimate"].max(),
        "estimate_end": last,
        "rise": (last - first) / (abs(first) or math.nan if x.labels["method"] == WGAN else 1.0),
        "cost": x.median("cost", 0.75, 1) - x.median("cost", 0, 0.25),
        # A critic whose units are all dead gives the same value everywhere: its loss is 0 and stays there.
        "change": abs(end - half) / (abs(half) or 1.0),
    }


def _distances(x: Course, distance: str, error: str) -> dict[str, float]:
    if len(x.moments) < 3:
        return {}
    times, logs = x.moments["generator_iteration"].to_numpy(float), np.log(x.moments[distance].to_numpy(float))
    half, last = (x.moments.iloc[int(np.abs(times - share * x.total).argmin())] for share in (0.5, 1))
    return {
        "end": logs[-1],
        "fall": logs[1] - logs[-1],
        "moved": np.abs(np.diff(logs[(times > 0) & (times <= x.total / 2)])).max(initial=0),
        "improvement": (half[distance] - last[distance]) / (math.hypot(half[error], last[error]) or math.nan),
    }


def _correlations(findings: Findings, x: Course, following: Course, qualities: dict[str, str]) -> None:
    """Of the run's losses, of another seed's at the same iterations, and of the clock; the untrained generator has no loss."""
    moments = x.moments[x.moments["generator_iteration"] > 0]
    times = moments["generator_iteration"].to_numpy(float)
    losses = {"own": x.at(times), "generator's cost": x.at(times, "cost"), "the clock": -times}
    losses["the Fréchet distance"] = moments[qualities["distance"]].to_numpy(float)
    losses |= {"another seed's": following.at(times)} if following is not x else {}
    for quality, column in qualities.items():
        if column not in moments:
            continue
        good = moments[column].to_numpy(float)
        for loss, values in losses.items():
            labels = x.labels | {"loss": loss, "quality": quality}
            findings.add("correlation", spearman(values, good), seed=x.seed, **labels)
            if loss in ("own", "another seed's"):
                findings.add("beyond_time", partial(values, good, times), seed=x.seed, **labels)


def ordered(first: Course, second: Course, distance: str) -> float:
    """How much higher the estimate of the run with the larger distance is, relative to both: mean over common checkpoints."""
    both = first.moments.merge(second.moments, on="generator_iteration")
    both = both[both["generator_iteration"] > 0]
    a, b = (x.at(both["generator_iteration"]) for x in (first, second))
    size = np.abs(a) + np.abs(b)
    relative = (a - b) / np.where(size == 0, 1.0, size)
    return float((relative * np.sign(both[f"{distance}_x"] - both[f"{distance}_y"])).mean(skipna=False))


def report(tables: Tables) -> Content:
    """Figures 3, 4 and 8 with samples by stage; correlations and scores."""
    window, gan = tables.experiment.scale.median_iterations, next(name for name in tables.options("method") if name != WGAN)
    below = (
        f"Losses: running median over {window} generator iterations. Below: the {tables.columns.distance_title}, lower is "
        "better, on one scale, and samples of the first seed at stages of training, from the same noise. Pale: further seeds."
    )
    w = (
        "WGAN, as the paper's Figure 3. Above: the estimate of W, mean f(real) − mean f(generated), up to a factor that "
        f"different critics do not share; where it is not above 0 the line breaks. {below}"
    )
    js = (
        "GAN, as the paper's Figures 4 and 8. Above: the estimate of the Jensen-Shannon distance, dotted log 2; the cost that "
        f"the generator minimises. {below}"
    )
    own: dict[str, Any] = {"loss": "own", "quality": "distance"}
    axes, rows = ["generator", "method", "rates"], labelled(tables)
    words = (
        "Rank correlation over checkpoints with the distance: of the loss, of the clock (minus the iteration); beyond clock: "
        "of the loss, with the clock's part taken out of both; other seed's: the same of another seed's loss. Rise of the "
        "estimate: median over the last fifth of training less that over the first, of WGAN as a share of it. Rise of cost: of "
        "the generator's, last quarter less first."
    )
    columns = [
        measured(tables, "correlation", "loss", words=words, **own),
        measured(tables, "correlation", "clock", **own | {"loss": "the clock"}),
        measured(tables, "beyond_time", "beyond clock", **own),
        measured(tables, "beyond_time", "other seed's", **own | {"loss": "another seed's"}),
        measured(tables, "rise", "rise of estimate"),
        measured(tables, "cost", "rise of cost", 3),
    ]
    return Content(
        [by_options(tables, axes, columns, "", rows), by_options(tables, axes, [*scores(tables), gain(tables)], "", rows)],
        [
            _stages(tables, WGAN, {"estimate": "estimate of W"}, "× 10", w),
            _stages(tables, gan, {"estimate": "estimate of JS", "cost": "cost, −log D"}, USUAL, js),
        ],
    )


def _stages(tables: Tables, method: str, losses: dict[str, str], rates: str, caption: str) -> Picture:
    """Losses, the distance and samples by stage, a column for each pair of networks; `rates`: of the pair of MLPs."""
    runs, c = [x for x in courses(tables) if x.labels["method"] == method], tables.columns
    drawn, axes = figure(3.3 + 0.9 * len(losses), 3, len(losses) + 2, height_ratios=[*(1 for _ in losses), 1, 1.3])
    for place, (generator, at) in enumerate(((MLP, USUAL), (DCGAN, USUAL), (MLPS, rates))):
        of = [x for x in runs if (x.labels["generator"], x.labels["rates"]) == (generator, at)]
        for number, x in enumerate(of):
            style = {"color": PALETTE[0], "linewidth": 1.0, "alpha": 0.35 if number else 1.0}
            for panel, name in zip(axes[:, place], losses, strict=False):
                shown = x.losses[name].where((x.losses[name] > 0) | (method != WGAN))
                panel.plot(x.losses["iteration"], shown, **style)
            moments = x.moments[x.moments["generator_iteration"] > 0]
            axes[-2, place].plot(moments["generator_iteration"], moments[c.distance], marker="o", markersize=2.5, **style)
        axes[0, place].set_title(generator if at == USUAL else f"{generator}, rates {at}")
        for panel in axes[:-1, place]:
            panel.set_xscale("log")
        if method == WGAN and any((x.losses["estimate"] > 0).any() for x in of):
            axes[0, place].set_yscale("log")
        if method != WGAN:
            axes[0, place].axhline(LOG_2, color="0.6", linewidth=0.8, linestyle=":")
        axes[-2, place].set(xlabel="generator iteration", yscale="log")
        _samples(axes[-1, place], tables, of)
    for row in axes[1:-1] if method == WGAN else axes[:-1]:
        for panel in row[1:]:
            panel.sharey(row[0])
    for row, text in zip(axes, (*losses.values(), c.distance_title.replace(" classifier", "\nclassifier")), strict=False):
        row[0].set_ylabel(text)
    return Picture(drawn, caption)


def _samples(panel: Any, tables: Tables, of: list[Course]) -> None:
    """Rows of six samples of the first run at four of its checkpoints, evenly spaced among them."""
    panel.set(xticks=[], yticks=[])
    panel.spines[:].set_visible(False)
    sheet = tables.stages.get(of[0].run) if of else None
    if sheet is None:
        return
    times = of[0].moments["generator_iteration"].tolist()
    chosen = np.unique(np.linspace(1, len(times) - 1, 4).round().astype(int))
    # A row a moment: the untrained generator, each checkpoint, the end.
    tall = sheet.height / (len(times) + 1)
    strips = [np.asarray(sheet)[round(i * tall) : round(i * tall) + int(tall), : int(sheet.width * 0.6)] for i in chosen]
    panel.imshow(np.concatenate(strips), interpolation="nearest")
    panel.set_yticks((np.arange(len(chosen)) + 0.5) * int(tall), [f"{times[i]:,}" for i in chosen], fontsize=7)
    panel.tick_params(length=0)
