"""One look for all figures: fonts, sizes, and colours that a colour-blind reader tells apart."""

import io
from typing import Any

import matplotlib

matplotlib.use("pdf")
import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.figure import Figure

# Okabe and Ito 2008; methods also differ by marker or dashes, so that colour is never the only sign.
COLOURS = {"nonsaturating_gan": "#D55E00", "wgan_gp": "#0072B2"}
MARKERS = {"nonsaturating_gan": "s", "wgan_gp": "o"}
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), "-")
REAL, FAKE = "#E69F00", "#009E73"
"""Real examples are orange and generated ones green, as in Gulrajani et al. 2017, Figure 1."""
TEXT_WIDTH = 6.7
"""Inches between the margins of an A4 page."""


def figure(height: float, columns: int, rows: int = 1, **options: Any) -> tuple[Figure, Any]:
    """A figure as wide as the text with rows of axes [rows, columns]; height in inches.

    Nothing of a `matplotlibrc`, in the working folder or elsewhere, is in it.
    """
    matplotlib.rcdefaults()
    sns.set_theme(
        context="paper",
        style="ticks",
        rc={
            "font.family": "serif",
            "font.serif": ["STIX Two Text", "STIXGeneral", "DejaVu Serif"],
            "mathtext.fontset": "stix",
            "font.size": 9,
            "axes.labelsize": 9,
            "axes.titlesize": 9,
            "legend.fontsize": 8,
            "xtick.labelsize": 8,
            "ytick.labelsize": 8,
            "axes.linewidth": 0.6,
            "pdf.fonttype": 42,
        },
    )
    return plt.subplots(rows, columns, figsize=(TEXT_WIDTH, height), layout="constrained", squeeze=False, **options)


def svg(drawn: Figure) -> bytes:
    """A figure as SVG for browsers, text as paths, without a date; the figure stays open."""
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": "wganlib"}):
        drawn.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def pdf(drawn: Figure) -> bytes:
    """A figure as vector PDF without a creation date; maps in it that are rasterised have 200 pixels an inch."""
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="pdf", dpi=200, metadata={"CreationDate": None})
    plt.close(drawn)
    return buffer.getvalue()
