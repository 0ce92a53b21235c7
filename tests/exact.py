"""What tests of the exact figures share: experiments, looks into findings, and formulas by hand."""

import math

import numpy as np
import pandas as pd
from conftest import REPOSITORY
from made_up import measured

from wganlib.measuring.study import meets
from wganlib.planning.plan import load_plan
from wganlib.reporting.style import pdf

FORMULAS = {
    "wgan": (lambda x: x, lambda x: 1.0),
    "log_sigmoid": (lambda x: math.log1p(math.exp(x)), lambda x: 1 / (1 + math.exp(-x))),
    "sqrt": (lambda x: x + math.hypot(x, 1), lambda x: 1 + x / math.hypot(x, 1)),
    "exp": (math.exp, math.exp),
}
"""phi and phi', by hand."""


def toy(name, scale="demo"):
    return load_plan(REPOSITORY / "params", scale).experiment(name)


def frame(findings):
    return pd.DataFrame(findings.rows, columns=["quantity", "case", "seed", "value", "expected", "criterion"])


def of(findings, quantity, case=None):
    """A quantity's values."""
    rows = [row for row in findings.rows if row["quantity"] == quantity and case in (None, row["case"])]
    assert rows, (quantity, case)
    return np.array([row["value"] for row in rows])


def unmet(findings):
    return [
        (row["quantity"], row["case"], row["value"])
        for row in findings.rows
        if row["criterion"] and not meets(row["criterion"], row["value"], row["expected"])
    ]


def drawn(module, findings, name):
    """The module's picture of findings as they are read back: it is drawn, and its caption has numbers."""
    (picture,) = module.report(measured(name, findings)).pictures
    assert pdf(picture.figure).startswith(b"%PDF")
    assert "nan" not in picture.caption
    return picture


def quantities_are_described(module, findings):
    """Every quantity has values, plain numbers, and what its criterion needs."""
    assert {row["quantity"] for row in findings.rows} == set(module.QUANTITIES)
    for row in findings.rows:
        assert type(row["value"]) is float
        assert row["expected"] is None or type(row["expected"]) is float
        assert row["criterion"] is None or "within" not in row["criterion"] or row["expected"] is not None
