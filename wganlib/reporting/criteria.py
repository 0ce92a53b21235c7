"""Measured quantities as lines of a report."""

from typing import Any

import numpy as np
import pandas as pd

from wganlib.judging.quantities import meets


def grouped(quantities: pd.DataFrame, titles: dict[str, str], ours: set[str]) -> list[dict[str, Any]]:
    """A line for each quantity and case: its mean and extremes over seeds, and how many of them are as the criterion says."""
    lines = []
    order = {name: place for place, name in enumerate(titles)}
    known = quantities.fillna({"case": ""}).sort_values("quantity", key=lambda names: names.map(order), kind="stable")
    for (name, case), rows in known.groupby(["quantity", "case"], sort=False):
        criterion = rows["criterion"].iloc[0]
        expected = rows["expected"].astype(float)
        has_criterion = isinstance(criterion, str)
        values = zip(rows["value"], expected, strict=True)
        met = [meets(criterion, v, None if np.isnan(e) else e) for v, e in values] if has_criterion else []
        line = {
            "quantity": str(name),
            "title": titles[str(name)],
            "case": str(case),
            "n": len(rows),
            "mean": _number(rows["value"].mean()),
            "minimum": _number(rows["value"].min()),
            "maximum": _number(rows["value"].max()),
            "expected": _number(expected.mean()),
            "criterion": criterion + "*" * (str(name) in ours) if has_criterion else None,
            "met": sum(met) if has_criterion else None,
        }
        lines.append(line)
    return lines


def _number(value: float) -> str | None:
    """Three significant figures as text; none for what is not a number."""
    if np.isnan(value):
        return None
    if np.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value != 0 and (abs(value) < 1e-3 or abs(value) >= 1e5):
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", "−")
    text = f"{value:.0f}" if abs(value) >= 999.5 else f"{value:.3g}"
    return text.replace("-", "−")
