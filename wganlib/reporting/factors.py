"""The factors of random architectures in words, as Table 1 of Gulrajani et al. 2017 prints them."""

from typing import Any

FACTOR_TITLES = {
    "generator_nonlinearity": "Nonlinearity (G)",
    "critic_nonlinearity": "Nonlinearity (D)",
    "generator_depth": "Depth (G)",
    "critic_depth": "Depth (D)",
    "generator_normalized": "Batch norm (G)",
    "critic_normalized": "Batch or layer norm (D)",
    "generator_filters": "Base filter count (G)",
    "critic_filters": "Base filter count (D)",
}
FACTOR_HEADS = ("|nonlinearity G", "|D", "depth G", "D", "|norm G", "|D", "filters G", "D")
"""The same as headings of a table's columns."""
LEVEL_TITLES = {"relu": "ReLU", "leaky_relu": "LeakyReLU", "smooth_elu": "smooth ELU", "True": "yes", "False": "no"}
"""smooth ELU is the paper's softplus(2x + 2)/2 - 1."""


def level_title(value: Any) -> str:
    """A factor's value as the paper prints it.

    >>> level_title("relu"), level_title(False), level_title(12)
    ('ReLU', 'no', '12')
    """
    return LEVEL_TITLES.get(str(value), str(value))
