"""Seven pairs of networks trained with four methods (Gulrajani et al. 2017, Figure 2): who succeeds, by a rule set before."""

import textwrap

import numpy as np
import pandas as pd
from PIL import Image

from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Findings, Quantity
from wganlib.judging.statistics import mcnemar
from wganlib.reporting.content import Content, Picture, Table, mean_sd, number, rows_of
from wganlib.reporting.grammar import paired, score_table
from wganlib.reporting.style import figure

CLAIMED = "wgan_gp_appendix_e"
"""The method that the paper claims to succeed everywhere."""

QUANTITIES = {
    "claimed": Quantity("pairs of networks, of 7, in which WGAN-GP succeeds", ">= 7"),
    "others": Quantity("pairs of networks, of 7, in which another method succeeds", "<= 6"),
    "ratio": Quantity("Fréchet distance of a method divided by WGAN-GP's, mean of logarithms over networks"),
    "limit": Quantity("Fréchet distance below which a run may succeed"),
}


def report(tables: Tables) -> Content:
    """The grid of samples; distances, similarities and successes by cell; methods compared on the same networks; all scores."""
    findings, runs = Findings(QUANTITIES), judged(tables)
    for seed, rows in runs.groupby("seed"):
        findings.add("limit", rows["limit"].iloc[0], "", int(str(seed)))
        for method in tables.options("method"):
            cells = rows_of(rows, method=method)
            if len(cells) < len(tables.options("networks")):
                continue  # a run has no result, so that nothing can be said of all networks
            successes = int(cells["success"].sum())
            if method == CLAIMED:
                findings.add("claimed", successes, "", int(str(seed)))
            else:
                findings.add("others", successes, tables.title(method), int(str(seed)))
    shown = [_distances(tables, runs), _similarities(tables, runs), _against(tables, runs, findings)]
    ordered = pd.concat([rows_of(tables.runs, networks=pair) for pair in tables.options("networks")])
    shown.append(score_table(tables, ["networks", "method"], "Scores of all cells.", rows=ordered))
    return Content(findings, shown, [_grid(tables, runs)], notes=[_rule(tables, runs)])


def similarity_column(runs: pd.DataFrame) -> str:
    """The column of the similarity of pairs of samples, whose name says how many scales it has."""
    return next(name for name in map(str, runs) if name.startswith("pairwise_") and f"{name}_training" in runs)


def judged(tables: Tables) -> pd.DataFrame:
    """The runs that have a result with `limit`, `far`, `alike` and `success`, by the rule in the experiment's settings.

    Where none of the baseline's runs ended well there is no limit, and nothing succeeds.
    """
    runs, column, similar = tables.results.copy(), tables.columns.distance, similarity_column(tables.runs)
    ok = runs["outcome"] == "ok"
    best = runs[ok & (runs["networks"] == tables.settings["baseline"])].groupby("seed")[column].min()
    runs["limit"] = tables.settings["distance_factor"] * runs["seed"].map(best).astype(float)
    runs["far"] = ~(runs[column] < runs["limit"])
    runs["alike"] = ~(runs[similar] < runs[f"{similar}_training"] + tables.settings["similarity_margin"])
    runs["success"] = ok & ~runs["far"] & ~runs["alike"]
    return runs


def _rule(tables: Tables, runs: pd.DataFrame) -> str:
    similar = similarity_column(runs)
    limits = runs.drop_duplicates("seed")["limit"]
    return (
        f"A run succeeds if it does not diverge, its {tables.columns.distance_title} to the training images is below "
        f"{tables.settings['distance_factor']:g} times the best of the baseline networks ({mean_sd(limits, 1)}), and the mean "
        "structural similarity of pairs of its samples is below that of training images "
        f"({number(runs[f'{similar}_training'].mean())}) + {tables.settings['similarity_margin']:g}. The rule stood in the "
        "parameters before any run; the paper judged by eye. Where a method fails on the baseline too, its settings, "
        "and not the change of networks, may be the reason: then its column says little."
    )


def _verdict(rows: pd.DataFrame) -> str:
    """Of one run: success, or why not; of several seeds: how many succeed."""
    if len(rows) > 1:
        return f"{int(rows['success'].sum())} of {len(rows)}"
    if rows.empty:
        return "no result"
    run = rows.iloc[0]
    if run["outcome"] == "diverged":
        return "diverged"
    return "success" if run["success"] else ", ".join(word for word in ("far", "alike") if run[word])


def _won(rows: pd.DataFrame) -> bool:
    """Whether most seeds succeed."""
    return bool(rows["success"].mean() > 0.5)


def _distances(tables: Tables, runs: pd.DataFrame) -> Table:
    methods, networks = tables.options("method"), tables.options("networks")
    body = []
    for pair in networks:
        line = [pair]
        for method in methods:
            rows = rows_of(runs, method=method, networks=pair)
            line.append(f"{mean_sd(rows[tables.columns.distance], 1)} {_verdict(rows)}".removeprefix("– "))
        body.append(line)
    won = {m: [_won(rows) for pair in networks if len(rows := rows_of(runs, method=m, networks=pair))] for m in methods}
    body.append(["successes", *(f"{sum(won[m])} of {len(won[m])}" for m in methods)])
    published = tables.published.counts["lsun_matrix"].counts
    total = published["networks"]
    body.append(["the paper, by eye", *(f"{published[m]} of {total}" if m in published else "not all" for m in methods)])
    caption = (
        f"{tables.columns.distance_title} by networks and method, and whether the run succeeds; far: its distance is not below "
        "the limit; alike: its samples are more alike than the rule allows. With several seeds: mean ± standard deviation over "
        "seeds and how many succeed; networks then count as a success if most seeds succeed. A run that diverged is infinitely "
        "far (∞); networks of which every run ran out of memory have no result and count in no number."
    )
    heads = ["|networks", *(f"|{tables.title(m)}" for m in methods)]
    return Table(heads, body, caption, rules=(len(networks) - 1,))


def _similarities(tables: Tables, runs: pd.DataFrame) -> Table:
    similar, methods = similarity_column(runs), tables.options("method")
    body = [
        [pair, *(mean_sd(rows_of(runs, method=m, networks=pair)[similar]) for m in methods)]
        for pair in tables.options("networks")
    ]
    real = runs[f"{similar}_training"].mean()
    body.append(["training images", *[number(real)] * len(methods)])
    words = similar.removeprefix("pairwise_").replace("_", " ").replace("ms ssim", "multi-scale SSIM,").replace("ssim", "SSIM")
    error = runs[f"{similar}_standard_error"].max()
    caption = (
        f"Mean structural similarity ({words}) of pairs of samples: 1 if all are the same image. Standard errors over the "
        f"pairs of one run are at most {number(error, 3)}. With several seeds: mean ± standard deviation over seeds. A run "
        "that diverged counts with 1."
    )
    return Table(["|networks", *(tables.title(m) for m in methods)], body, caption, rules=(len(body) - 2,))


def _against(tables: Tables, runs: pd.DataFrame, findings: Findings) -> Table:
    """Each other method against WGAN-GP, networks by networks."""
    networks, body = tables.options("networks"), []
    for method in (m for m in tables.options("method") if m != CLAIMED):
        pairs = [[rows_of(runs, method=m, networks=pair) for m in (method, CLAIMED)] for pair in networks]
        wins = [(_won(ours), _won(theirs)) for ours, theirs in pairs if len(ours) and len(theirs)]
        only_it, only_claimed = wins.count((True, False)), wins.count((False, True))
        test, ratio = mcnemar(only_it, only_claimed), paired(_log_ratios(tables, runs, method))
        findings.add("ratio", np.exp(ratio.mean), tables.title(method))
        interval = "" if np.isnan(ratio.low) else f" [{number(np.exp(ratio.low))}, {number(np.exp(ratio.high))}]"
        counted = [str(n) for n in (only_it, only_claimed, wins.count((True, True)), wins.count((False, False)))]
        body.append(
            [
                tables.title(method),
                *counted,
                number(test.p_value, 3),
                f"{number(np.exp(ratio.mean))}{interval}",
                str(ratio.pairs),
            ]
        )
    caption = (
        "Methods against WGAN-GP on the same networks: in how many of them only the method succeeds, only WGAN-GP, both, "
        "neither; p: exact McNemar test, two-sided. Seven pairs are few: p is below 0.05 only if six or more of them differ, "
        "all in one direction. Distance ratio: the method's distance divided by WGAN-GP's, geometric mean over the networks "
        "[95 % t interval over networks]; ∞ where a run of the method diverged, 0 where one of WGAN-GP did."
    )
    heads = ["|method", "only it", "only WGAN-GP", "both", "neither", "p", "distance ratio", "networks"]
    return Table(heads, body, caption)


def _log_ratios(tables: Tables, runs: pd.DataFrame, method: str) -> pd.Series:
    """Logarithms of the ratio of distances [networks], means over the seeds of which both methods have a result."""
    runs = runs.set_index(["networks", "seed"])
    logs = np.log(runs[tables.columns.distance])
    difference = logs[runs["method"] == method] - logs[runs["method"] == CLAIMED]
    return difference.dropna().groupby(level="networks").mean()


def _grid(tables: Tables, runs: pd.DataFrame) -> Picture:
    methods, networks = tables.options("method"), tables.options("networks")
    drawn, axes = figure(1.22 * len(networks) + 0.2, len(methods), len(networks))
    for i, pair in enumerate(networks):
        for j, method in enumerate(methods):
            panel, cell = axes[i, j], rows_of(runs, networks=pair, method=method)
            panel.set(xticks=[], yticks=[])
            panel.spines[:].set_visible(False)
            panel.set_title(tables.title(method) if i == 0 else "", fontsize=9)
            panel.set_ylabel(textwrap.fill(pair, 16) if j == 0 else "", fontsize=8)
            shown = cell[cell["run"].isin(list(tables.sheets))]
            if not shown.empty:
                panel.imshow(_corner(tables.sheets[shown["run"].iloc[0]]), interpolation="nearest")
                panel.set_xlabel(_verdict(shown[:1]), fontsize=7.5, labelpad=3)
    caption = (
        "Samples of every pair of networks (rows) trained with every method (columns), as in Figure 2 of the paper: the first "
        "ones of the first seed, none chosen. Below them what the rule says of the run."
    )
    return Picture(drawn, caption)


def _corner(sheet: Image.Image, rows: int = 4, columns: int = 6) -> Image.Image:
    """The first images of the first rows of a sheet of 6 x 10, one pixel apart."""
    width, height = (sheet.width + 1) // 10, (sheet.height + 1) // 6
    return sheet.crop((0, 0, columns * width - 1, rows * height - 1))
