"""Minus the critic's loss on training and held-out digits, for few digits and for all (Gulrajani et al. 2017, Figure 5b)."""

import numpy as np
import pandas as pd

from wganlib.collecting.collected import Tables
from wganlib.judging import statistics
from wganlib.judging.failures import with_result
from wganlib.judging.quantities import Findings, Quantity
from wganlib.reporting.content import Content, Picture, Table, known, mean_sd, number, rows_of
from wganlib.reporting.grammar import end_gap, ending, negative_losses, paired, runs_ok, score_table
from wganlib.reporting.style import PALETTE, figure

QUANTITIES = {
    "rise": Quantity("slope of the negative training loss over the last half, few digits, per 1,000 iterations", "> 0"),
    "fall": Quantity("slope of the negative held-out loss over the last half, few digits, per 1,000 iterations", "< 0"),
    "gap_limited": Quantity("training minus held-out loss as a share of the training loss at the end, few digits", "> 0.3"),
    "gap_whole": Quantity("training minus held-out loss as a share of the training loss at the end, all digits", "< 0.1"),
    "training_slope": Quantity("slope of the negative training loss over the last half, per 1,000 iterations"),
    "held_out_slope": Quantity("slope of the negative held-out loss over the last half, per 1,000 iterations"),
    "gap_difference": Quantity("gap with few digits minus gap with all, same seed", "> 0", ours=True),
}

PENALISED = "wgan_gp_appendix_e"
PARTS = {"training": "training", "held_out": "held out"}


def report(tables: Tables) -> Content:
    """The paper's two panels, and the same for all digits; slopes and gaps by seed; the gaps compared by seed."""
    findings, rows, compared = Findings(QUANTITIES), [], []
    curves = negative_losses(tables.curves[tables.curves["run"].isin(rows_of(tables.runs, outcome="ok")["run"])])
    methods, sets = tables.options("method"), tables.options("training_set")
    for method in methods:
        gaps: dict[str, dict[int, float]] = {}
        for chosen in sets:
            runs = rows_of(tables.runs, method=method, training_set=chosen)
            measured = {int(r["seed"]): measure(rows_of(curves, run=r["run"])) for _, r in with_result(runs).iterrows()}
            _add(findings, tables.title(method), method == PENALISED, chosen, digits(tables, chosen), measured)
            gaps[chosen] = {seed: m["gap"] for seed, m in measured.items()}
            told_of = (mean_sd(m[key] for m in measured.values()) for key in ("training", "held_out"))
            slopes = (mean_sd(m[key] for m in measured.values()) for key in ("training_slope", "held_out_slope"))
            share = mean_sd((100 * m["gap"] for m in measured.values()), 0)
            line = [tables.title(method), digits(tables, chosen), runs_ok(runs), *told_of, share, *slopes]
            rows.append([*line, _paper(method, chosen)])
        compared.append(_compared(findings, tables.title(method), gaps.get("limited", {}), gaps.get("whole", {})))
    few = digits(tables, "limited")
    heads = [
        "|method",
        "|training set",
        "runs ok",
        "training",
        "held out",
        "gap, %",
        "training slope",
        "held-out slope",
        "|paper",
    ]
    caption = (
        "Negative critic loss over the last fifth of the training, on training and on held-out digits; their gap as a share of "
        "the first; slopes of both over the last half, per 1,000 generator iterations. Mean ± standard deviation over the "
        "seeds that ended, without it where there is one."
    )
    pairs = Table(
        ["|method", "seeds", f"gap with {few} minus gap with all", "in standard deviations"],
        compared,
        "Paired by seed: how much larger the gap is with few digits, as a share of the training loss, and Student's 95 % "
        "interval over seeds; last column: the mean difference in standard deviations of the differences.",
    )
    named = tables.runs.assign(training_set=[digits(tables, chosen) for chosen in tables.runs["training_set"]])
    scores = score_table(tables, ["method", "training_set"], "Scores of the last generators against all digits.", rows=named)
    return Content(findings, [Table(heads, rows, caption), pairs, scores], [_panels(tables, curves, methods, sets)])


def digits(tables: Tables, chosen: str) -> str:
    """The training set of an option in words."""
    limit = tables.experiment.spec_of(training_set=chosen).dataset.train_limit
    return f"{limit:,} digits" if limit else "all digits"


def slope(curve: pd.DataFrame, part: str) -> float:
    """Least-squares slope of a loss over the last half of a training, per 1,000 generator iterations."""
    half = ending(curve, 0.5)
    if len(half) < 2:
        return float("nan")
    return float(1000 * np.polyfit(half["generator_iteration"].to_numpy(dtype=float), half[part].to_numpy(dtype=float), 1)[0])


def measure(curve: pd.DataFrame) -> dict[str, float]:
    """Of one run: both losses at the end, their gap, and both slopes over the last half; no numbers without a curve."""
    end = ending(curve)
    result = {part: float(end[part].mean()) for part in PARTS} | {"gap": end_gap(curve)}
    return result | {f"{part}_slope": slope(curve, part) for part in PARTS}


def _add(
    findings: Findings, title: str, penalised: bool, chosen: str, words: str, measured: dict[int, dict[str, float]]
) -> None:
    """The protocol judges slopes of the penalised method on few digits alone; the others are shown without a criterion."""
    judged = penalised and chosen == "limited"
    case = title if judged else f"{title}, {words}"
    for seed, result in measured.items():
        findings.add("rise" if judged else "training_slope", result["training_slope"], case, seed)
        findings.add("fall" if judged else "held_out_slope", result["held_out_slope"], case, seed)
        findings.add(f"gap_{chosen}", result["gap"], title, seed)


def _compared(findings: Findings, title: str, few: dict[int, float], whole: dict[int, float]) -> list[str]:
    differences = {seed: few[seed] - whole[seed] for seed in few if seed in whole}
    for seed, value in differences.items():
        findings.add("gap_difference", value, title, seed)
    mean, effect = paired(differences.values()), statistics.standardised_difference(list(known(differences.values())))
    return [title, str(mean.pairs), mean.text(), number(effect, 1)]


def _paper(method: str, chosen: str) -> str:
    if chosen != "limited":
        return "not shown"
    return "training rises, held out falls" if method == PENALISED else "the losses move apart"


def _panels(tables: Tables, curves: pd.DataFrame, methods: list[str], sets: list[str]) -> Picture:
    drawn, axes = figure(2.2 * len(sets), len(methods), len(sets), sharex=True)
    for i, chosen in enumerate(sets):
        for j, method in enumerate(methods):
            panel = axes[i, j]
            runs = set(rows_of(tables.runs, method=method, training_set=chosen)["run"])
            result = curves[curves["run"].isin(runs)].groupby("generator_iteration")
            for index, (part, style) in enumerate((("training", "-"), ("held_out", "--"))):
                band = result[part].agg(["mean", "min", "max"])
                panel.plot(band.index, band["mean"], style, color=PALETTE[index], linewidth=1.2, label=PARTS[part])
                panel.fill_between(band.index, band["min"], band["max"], color=PALETTE[index], alpha=0.2, linewidth=0)
            panel.set_title(f"{tables.title(method)}, {digits(tables, chosen)}")
            if i == len(sets) - 1:
                panel.set_xlabel("generator iteration")
            if j == 0:
                panel.set_ylabel("negative critic loss")
    axes[0, 0].legend(frameon=False)
    caption = (
        "Minus the critic's loss on training and on held-out digits: mean over seeds, and their range as a band. Above: few "
        "training digits, as in the paper's figure; below: all. The methods' losses have different scales. Where the lines "
        "part, the critic overfits and its loss no longer estimates a distance."
    )
    return Picture(drawn, caption)
