"""Losses of WGAN and GAN beside the quality of samples (Arjovsky et al. 2017, Figures 3, 4 and 8)."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Findings, Quantity
from wganlib.judging.statistics import Interval
from wganlib.reporting.content import Content, Picture, Table, mean, number, rows_of
from wganlib.reporting.grammar import sample_grid, score_table
from wganlib.reporting.style import DASHES, PALETTE, figure

Array = NDArray[np.float64]

WGAN = "wgan_2017"
LOG_2 = math.log(2)
MLPS = "MLP with MLP critic"
"""The pair that fails in Figure 3; the others have the DCGAN critic."""

QUANTITIES = {
    "w_correlation": Quantity("WGAN: rank correlation of the estimate with the Fréchet distance", "> 0.7"),
    "w_change": Quantity("WGAN, failing pair: relative change of the estimate over the last half", "< 0.1"),
    "w_improvement": Quantity(
        "WGAN, failing pair: fall of the Fréchet distance over the last half, in standard errors", "< 2", ours=True
    ),
    "js_least": Quantity("GAN: smallest JS estimate", ">= 0"),
    "js_most": Quantity("GAN: largest JS estimate (log 2 = 0.6931)", "<= 0.6932"),
    "js_last": Quantity("GAN: median JS estimate in the last 20 % of training", "> 0.55"),
    "js_correlation": Quantity("GAN: rank correlation of the JS estimate with the Fréchet distance"),
    "js_correlation_low": Quantity("GAN: lower end of that correlation's 95 % interval", "<= 0"),
    "gain": Quantity("WGAN's rank correlation minus GAN's, same pair and seed", "> 0", ours=True),
    "cost": Quantity("GAN: generator's cost in the last quarter minus that in the first, medians", "> 0"),
}


class Curve(NamedTuple):
    """A run's filtered loss over generator iterations [rows] and its scores at checkpoints, a row each.

    `ended`: whether it trained to the end of its budget; of a run that did not nothing is measured that belongs to the whole.
    """

    generator: str
    method: str
    seed: int
    ended: bool
    total: int
    iterations: Array
    estimate: Array
    """Of the distance that the critic's loss bounds: W up to a factor, or JS in nats."""
    cost: Array
    moments: pd.DataFrame

    def between(self, low: float, high: float, values: Array) -> Array:
        """Values [rows] in the part (low, high] of the budget."""
        return values[(self.iterations > low * self.total) & (self.iterations <= high * self.total)]

    def at(self, iteration: float) -> float:
        """The estimate at an iteration."""
        return float(np.interp(iteration, self.iterations, self.estimate))


def w_estimate(critic_loss: Array) -> Array:
    """Estimate of W(real, generated) up to a factor, mean f(real) - mean f(fake), from the loss, its negative (eq. 3)."""
    return -critic_loss


def js_estimate(critic_loss: Array) -> Array:
    """Lower bound of JS in nats, L / 2 + log 2, where the loss is -L = -E log D(real) - E log(1 - D(fake)) (section 4.2).

    >>> js_estimate(np.array([0.0, 2 * LOG_2])).round(6).tolist()  # a perfect discriminator, and one that says 1/2
    [0.693147, 0.0]
    """
    return LOG_2 - critic_loss / 2


def correlation(curve: Curve, column: str) -> tuple[float, int]:
    """Spearman's correlation of the estimate with a score over checkpoints, and their number; not a number below 4."""
    moments = _scored(curve, column)
    if len(moments) < 4 or not curve.ended:
        return math.nan, len(moments)
    estimates = np.array([curve.at(i) for i in moments["generator_iteration"]])
    scores = moments[column].to_numpy(dtype=np.float64)
    if np.ptp(estimates) == 0 or np.ptp(scores) == 0:
        return math.nan, len(moments)
    return float(stats.spearmanr(estimates, scores).statistic), len(moments)


def interval(correlations: Sequence[float], counts: Sequence[int]) -> Interval | None:
    """95 % interval of the mean over runs of rank correlations over `counts` checkpoints, by Fisher's z.

    Variance of each z: (1 + r^2 / 2) / (n - 3) (Bonett and Wright 2000). A correlation of 1 counts as half a step of r below.
    Checkpoints of a run depend on each other, so it is too narrow; none with fewer than 4 of them.
    """
    pairs = [(r, n) for r, n in zip(correlations, counts, strict=True) if n > 3 and math.isfinite(r)]
    if not pairs:
        return None
    bounded = [(math.copysign(min(abs(r), 1 - 6 / (n * (n**2 - 1))), r), n) for r, n in pairs]
    mean = float(np.mean([math.atanh(r) for r, _ in bounded]))
    error = math.sqrt(sum((1 + r**2 / 2) / (n - 3) for r, n in bounded)) / len(bounded)
    reach = float(stats.norm.ppf(0.975)) * error
    return Interval(math.tanh(mean - reach), math.tanh(mean + reach))


def curves(tables: Tables) -> list[Curve]:
    """Filtered losses and scored checkpoints of the runs that have a result; rows that are not finite are left out."""
    result = []
    for run in tables.results.to_dict("records"):
        rows = rows_of(tables.curves, run=run["run"]).sort_values("generator_iteration")
        if len(rows):
            rows = rows[np.isfinite(rows[["critic_loss_median", "generator_loss_median"]]).all(axis=1)]
        columns = ("generator_iteration", "critic_loss_median", "generator_loss_median")
        iterations, loss, cost = (np.array(rows[name] if len(rows) else [], dtype=np.float64) for name in columns)
        moments = rows_of(tables.snapshots, run=run["run"])
        # The untrained generator stands at 0, where there is no loss.
        moments = moments[moments["generator_iteration"] > 0].sort_values("generator_iteration")
        wgan = run["method"] == WGAN
        estimate = w_estimate(loss) if wgan else js_estimate(loss)
        ended = run["outcome"] == "ok" and len(iterations) > 0
        labels = run["generator"], run["method"], int(run["seed"]), ended, tables.iterations(run["run"])
        result.append(Curve(*labels, iterations, estimate, cost, moments))
    return result


def _scored(curve: Curve, column: str) -> pd.DataFrame:
    """The checkpoints that have a score."""
    if column not in curve.moments:
        return curve.moments.iloc[:0]
    return curve.moments[np.isfinite(curve.moments[column].astype(float))]


def relative_change(curve: Curve) -> float:
    """Change of the estimate over the last half of training, as a share of its value at half."""
    if not curve.ended:
        return math.nan
    half = curve.at(curve.total / 2)
    change = abs(curve.at(curve.total) - half)
    # A critic whose units are all dead gives the same value everywhere: its loss is 0 and stays there.
    return change / abs(half) if half else (math.inf if change else 0.0)


def improvement(curve: Curve, distance: str, error: str) -> float:
    """Fall of the distance from the checkpoint next to half of training to the last, in standard errors of the difference."""
    moments = _scored(curve, distance)
    if len(moments) < 2 or not curve.ended:
        return math.nan
    half = moments.loc[(moments["generator_iteration"] - curve.total / 2).abs().idxmin()]
    last = moments.iloc[-1]
    spread = math.hypot(half[error], last[error])
    return float((half[distance] - last[distance]) / spread) if spread else math.nan


def rise(curve: Curve) -> float:
    """Median of the generator's cost in the last quarter of training minus that in the first."""
    first, last = curve.between(0, 0.25, curve.cost), curve.between(0.75, 1, curve.cost)
    return float(np.median(last) - np.median(first)) if len(first) and len(last) and curve.ended else math.nan


def at_end(curve: Curve) -> float:
    """Median of the estimate in the last 20 % of training."""
    last = curve.between(0.8, 1, curve.estimate)
    return float(np.median(last)) if len(last) and curve.ended else math.nan


def _measure(findings: Findings, result: list[Curve], tables: Tables) -> None:
    c = tables.columns
    correlations = {(x.generator, x.method, x.seed): correlation(x, c.distance) for x in result}
    for x in result:
        r, n = correlations[x.generator, x.method, x.seed]
        case = x.generator if x.method == WGAN else f"{tables.title(x.method)}; {x.generator}"
        values: dict[str, float] = {}
        if x.method == WGAN and x.generator == MLPS:
            values = {"w_change": relative_change(x), "w_improvement": improvement(x, c.distance, c.distance_error)}
        elif x.method == WGAN:
            values = {"w_correlation": r}
        elif len(x.estimate):
            low = interval([r], [n])
            values = {"js_least": x.estimate.min(), "js_most": x.estimate.max(), "js_correlation": r}
            values |= {"js_correlation_low": low.low} if low else {}
            if x.generator != MLPS:
                values |= {"js_last": at_end(x), "cost": rise(x)}
                ours = correlations.get((x.generator, WGAN, x.seed))
                values |= {"gain": ours[0] - r} if ours else {}
        for name, value in values.items():
            findings.add(name, value, case, x.seed)


def _correlation_table(result: list[Curve], tables: Tables) -> Table:
    c, body = tables.columns, []
    for generator in tables.options("generator"):
        for method in tables.options("method"):
            of = [x for x in result if (x.generator, x.method) == (generator, method)]
            if not of:
                continue
            results = [correlation(x, c.distance) for x in of]
            rs, counts = [r for r, _ in results], [n for _, n in results]
            bounds = interval(rs, counts)
            told_of = "–" if bounds is None else f"{number(bounds.low)} to {number(bounds.high)}"
            line = [generator, tables.title(method), str(len(of)), "/".join(map(str, dict.fromkeys(counts)))]
            line += [number(mean(rs)), told_of, number(mean(correlation(x, c.score)[0] for x in of))]
            body.append([*line, number(mean(map(at_end, of)), 3), number(mean(map(rise, of))) if method != WGAN else "–"])
    heads = ["|generator", "|method", "runs", "checkpoints", "with distance", "95 % interval"]
    heads += ["with score", "estimate at end", "rise of cost"]
    caption = (
        f"Spearman's correlation of the filtered estimate with the {c.distance_title} and with the {c.title} of samples over "
        "checkpoints, mean over runs. In the paper's sense it is near 1 with the distance and near −1 with the score for WGAN, "
        "and for GAN none, or of the other sign. The interval is of the correlation with the distance, by Fisher's z; a run's "
        "checkpoints depend on each other: it is too narrow. A run that diverged has no correlation. "
        f"Estimate at end: median over the last 20 % of training, of JS for GAN (at most log 2 = {LOG_2:.3f}) and of W up "
        "to a factor for WGAN: only rows of one method and one critic compare. Rise of cost: the generator's cost in the last "
        "quarter of training minus that in the first, medians."
    )
    return Table(heads, body, caption)


def _loss_figure(tables: Tables, result: list[Curve], methods: list[str], label: str, caption: str) -> Picture:
    """The estimate above, the Fréchet distance and the score of the samples below; a column for each pair."""
    c, pairs = tables.columns, tables.options("generator")
    drawn, axes = figure(3.9, len(pairs), 3, sharex=True)
    for column, pair in enumerate(pairs):
        of = [x for x in result if x.generator == pair and x.method in methods]
        _draw(axes[0, column], of, methods, tables, lambda x: (x.iterations, x.estimate))
        for place, name in ((1, c.distance), (2, c.score)):
            _draw(axes[place, column], of, methods, tables, partial(_over_time, name=name), "o")
        axes[0, column].set_title(pair)
        axes[2, column].set_xlabel("generator iteration")
        axes[2, column].locator_params(axis="x", nbins=4)
    for place, text in enumerate((label, c.distance_title.replace(" classifier", "\nclassifier"), c.title)):
        axes[place, 0].set_ylabel(text)
    if len(methods) > 1:
        axes[0, 0].legend(frameon=False, fontsize=7)
    if WGAN not in methods:
        for panel in axes[0]:
            panel.axhline(LOG_2, color="0.6", linewidth=0.8, linestyle=":")
            # Above the line, where no estimate can be.
            at: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "ha": "left", "va": "bottom"}
            panel.annotate("log 2", (0.02, LOG_2), fontsize=7, color="0.4", **at)
            panel.set_ylim(top=LOG_2 + 0.12 * (LOG_2 - min(0.0, panel.get_ylim()[0])))
    return Picture(drawn, caption)


def _over_time(x: Curve, name: str) -> tuple[Array, Array]:
    values = x.moments[name].to_numpy(dtype=np.float64) if name in x.moments else np.full(len(x.moments), np.nan)
    return x.moments["generator_iteration"].to_numpy(dtype=np.float64), values


def _draw(
    panel: Any,
    of: list[Curve],
    methods: list[str],
    tables: Tables,
    values: Callable[[Curve], tuple[Array, Array]],
    marker: str = "",
) -> None:
    """A line for each run; the colour and the dashes say the method."""
    for index, method in enumerate(methods):
        for place, x in enumerate(y for y in of if y.method == method):
            style = {"color": PALETTE[index], "linestyle": DASHES[index], "linewidth": 1.1, "marker": marker, "markersize": 2.5}
            panel.plot(*values(x), label=tables.title(method) if place == 0 else None, **style)


def _cost_figure(tables: Tables, result: list[Curve], methods: list[str], caption: str) -> Picture:
    pairs = tables.options("generator")
    drawn, axes = figure(2.2, len(pairs))
    for panel, pair in zip(axes[0], pairs, strict=True):
        of = [x for x in result if x.generator == pair and x.method in methods]
        _draw(panel, of, methods, tables, lambda x: (x.iterations, x.cost))
        panel.set(title=pair, xlabel="generator iteration")
        panel.locator_params(axis="x", nbins=4)
    axes[0, 0].set_ylabel("generator's cost, −log D")
    if len(methods) > 1:
        axes[0, 0].legend(frameon=False, fontsize=7)
    return Picture(drawn, caption)


def report(tables: Tables) -> Content:
    """Correlations of losses with quality; WGAN's and GAN's losses beside scores, the generator's cost, samples."""
    findings, result = Findings(QUANTITIES), curves(tables)
    _measure(findings, result, tables)
    gans = [method for method in tables.options("method") if method != WGAN]
    c, window = tables.columns, tables.experiment.scale.median_iterations
    beside = (
        f"Below: {c.distance_title} (lower is better) and {c.title} (higher is better) of samples at checkpoints. A column for "
        "each generator; the first two have the DCGAN critic. A line for each seed"
    )
    w = _loss_figure(
        tables,
        result,
        [WGAN],
        "estimate of W",
        "WGAN, as the paper's Figure 3. Above: the estimate of W, mean f(real) − mean f(generated), up to a factor that "
        f"differs between critics; running median over {window} generator iterations. {beside}. The last pair has rates 100 "
        "times higher, as the paper's, whose training failed.",
    )
    js = _loss_figure(
        tables,
        result,
        gans,
        "estimate of JS\n(nats)",
        "GAN, as the paper's Figure 4. Above: the estimate of the Jensen-Shannon distance, log 2 minus half of the critic's "
        f"loss; dotted: log 2, its largest value; running median over {window} generator iterations. {beside} and method.",
    )
    cost = _cost_figure(
        tables,
        result,
        gans,
        "GAN, as the paper's Figure 8: the cost that the generator minimises; running median over "
        f"{window} generator iterations.",
    )
    first = rows_of(tables.runs, seed=tables.runs["seed"].min())
    run_of = {(row["generator"], row["method"]): row["run"] for row in first.to_dict("records")}
    titles = {tables.title(method): method for method in tables.options("method")}
    samples = sample_grid(
        tables,
        tables.options("generator"),
        list(titles),
        lambda row, column: run_of.get((row, titles[column])),
        "Samples of the last generators, first seed.",
    )
    scores = score_table(tables, ["generator", "method"], "Scores at the end of training.")
    note = "The Fréchet distance judges quality here; the paper's authors judged samples by eye."
    return Content(findings, [_correlation_table(result, tables), scores], [w, js, cost, samples], notes=[note])
