"""Reports of toy experiments: pictures, captions, settings and every measured quantity."""

import importlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from wganlib.analysis import meets
from wganlib.errors import WganlibError
from wganlib.files import read_json
from wganlib.reporting.figures import Data, Picture
from wganlib.reporting.style import pdf
from wganlib.results import read_table
from wganlib.toys import Toy

COLUMNS = ["quantity", "case", "seed", "value", "expected", "criterion"]


def build(toy: Toy, scale: str, folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The numbers of the report and its pictures by file name, from `folder`, which the analysis wrote.

    Raises:
        WganlibError: a collected table is missing or damaged.
    """
    facts = read_json(folder / "facts.json")
    quantities = read_table(folder / "quantities.csv", COLUMNS)
    try:
        with np.load(folder / "arrays.npz", allow_pickle=False) as stored:
            arrays = dict(stored)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise WganlibError(f"{folder / 'arrays.npz'}: not readable ({error}); run `wganlib analyse {toy.name}`") from None
    figure = importlib.import_module(f"wganlib.reporting.figures.{toy.name}")
    pictures: list[Picture] = figure.draw(Data(arrays, quantities, facts, toy.settings))
    files = {f"figure{i}.pdf": pdf(picture.figure) for i, picture in enumerate(pictures, 1)}
    numbers = {
        "scale": scale,
        "title": toy.params.title,
        "source": toy.params.source,
        "claim": toy.params.claim.strip(),
        "unspecified": list(toy.params.unspecified),
        "pictures": [{"file": name, "caption": p.caption} for name, p in zip(files, pictures, strict=True)],
        "quantities": _grouped(quantities, facts["titles"], set(facts["ours"])),
        **{name: facts[name] for name in ("settings", "seeds", "runs", "diverged", "seconds", "commits", "devices")},
    }
    return numbers, files


def _grouped(quantities: pd.DataFrame, titles: dict[str, str], ours: set[str]) -> list[dict[str, Any]]:
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
