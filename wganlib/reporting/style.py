"""One look for all figures: fonts, sizes, and colours that a colour-blind reader tells apart."""

import io
from typing import Any

import matplotlib

matplotlib.use("pdf")
import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.figure import Figure

# Okabe and Ito 2008; methods also differ by marker, so that colour is never the only sign.
COLOURS = {"nonsaturating_gan": "#D55E00", "wgan_gp": "#0072B2"}
MARKERS = {"nonsaturating_gan": "s", "wgan_gp": "o"}
TEXT_WIDTH = 6.7
"""Inches between the margins of an A4 page."""


def figure(height: float, columns: int) -> tuple[Figure, Any]:
    """A figure as wide as the text with a row of axes; height in inches."""
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
    return plt.subplots(1, columns, figsize=(TEXT_WIDTH, height), layout="constrained", squeeze=False)


def pdf(drawn: Figure) -> bytes:
    """A figure as vector PDF without a creation date."""
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="pdf", metadata={"CreationDate": None})
    plt.close(drawn)
    return buffer.getvalue()
