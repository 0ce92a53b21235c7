"""What tests of the exact figures share: experiments, looks into findings, and formulas by hand."""

import io
import math

import numpy as np
import pandas as pd
from conftest import committed_plan
from made_up import measured

from wganlib.judging.verdicts import judge
from wganlib.reporting.style import pdf

FORMULAS = {
    "wgan": (lambda x: x, lambda x: 1.0),
    "log_sigmoid": (lambda x: math.log1p(math.exp(x)), lambda x: 1 / (1 + math.exp(-x))),
    "sqrt": (lambda x: x + math.hypot(x, 1), lambda x: 1 + x / math.hypot(x, 1)),
    "exp": (math.exp, math.exp),
}
"""phi and phi', by hand."""


def toy(name, scale="demo"):
    return committed_plan(scale).experiment(name)


def of(findings, quantity, **labels):
    """A quantity's values."""
    rows = [row for row in findings.rows if row["quantity"] == quantity and labels.items() <= row.items()]
    assert rows, (quantity, labels)
    return np.array([row["value"] for row in rows])


def verdicts(findings, name, scale="demo"):
    """The verdict on each of an experiment's claims, from findings as they are read back."""
    params = toy(name, scale).params
    table = pd.read_csv(io.StringIO(findings.frame().to_csv(index=False, float_format="%.9g")))
    return {claim: judge(params.claims[claim], params.gates, table, scale) for claim in params.claims}


def claims_hold(findings, name, but=()):
    """All claims hold but those that fail; what must fail a claim's rule does."""
    words = verdicts(findings, name)
    assert {claim for claim, verdict in words.items() if verdict.verdict != "holds"} == set(but)
    for claim, verdict in words.items():
        assert verdict.verdict in ("holds", "fails"), (claim, verdict)
        assert all(control.verdict == "fails" for control in verdict.controls), (claim, verdict.controls)


def drawn(module, findings, name):
    """The module's picture of findings as they are read back: it is drawn, and its caption has numbers."""
    (picture,) = module.report(measured(name, findings)).pictures
    assert pdf(picture.figure).startswith(b"%PDF")
    assert "nan" not in picture.caption
    return picture


def quantities_are_described(module, findings):
    """Every quantity has values, and they are plain numbers."""
    assert {row["quantity"] for row in findings.rows} == set(module.QUANTITIES)
    for row in findings.rows:
        assert type(row["value"]) is float
        assert row["expected"] is None or type(row["expected"]) is float
