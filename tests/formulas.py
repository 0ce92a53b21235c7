"""What formulas say that stand as text in the library's rows and in docs/parts.md, computed by NumPy."""

from functools import cache

import numpy as np
from scipy.special import expit

MEANING = {"−": "-", "²": "**2", "√": "sqrt", "½ ": "0.5*"}
FUNCTIONS = {
    "log": np.log,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "σ": expit,
    "mean": np.mean,
    "max": lambda *values: np.max(values[0]) if len(values) == 1 else np.maximum(*values),
}


@cache
def _code(text):
    assert text, "write the formulas into the row: docs show them, and tests compute them"
    for shown, meant in MEANING.items():
        text = text.replace(shown, meant)
    return compile(text, "formula", "eval")


def computed(text, **values):
    """The value of a formula such as "½ (f − 1)²", of numbers or arrays by the names that it uses."""
    return eval(_code(text), {"__builtins__": {}}, FUNCTIONS | values)
