"""Reports of toy experiments: pictures, captions, settings and every measured quantity."""

import importlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from wganlib.collecting.tables import read_table
from wganlib.errors import WganlibError
from wganlib.files import read_json
from wganlib.planning.toys import Toy
from wganlib.reporting.criteria import grouped
from wganlib.reporting.pictures import Data, Picture
from wganlib.reporting.style import pdf

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
    figure = importlib.import_module(f"wganlib.experiments.{toy.name}")
    pictures: list[Picture] = figure.draw(Data(arrays, quantities, facts, toy.settings))
    files = {f"figure{i}.pdf": pdf(picture.figure) for i, picture in enumerate(pictures, 1)}
    numbers = {
        "scale": scale,
        "title": toy.params.title,
        "source": toy.params.source,
        "claim": toy.params.claim.strip(),
        "unspecified": list(toy.params.unspecified),
        "notes": [],
        "tables": [],
        "lines": [],
        "run_list": [],
        "scoring": "",
        "single": False,
        "pictures": [{"file": name, "caption": p.caption} for name, p in zip(files, pictures, strict=True)],
        "quantities": grouped(quantities, facts["titles"], set(facts["ours"])),
        **{name: facts[name] for name in ("settings", "seeds", "runs", "diverged", "seconds", "commits", "devices")},
    }
    return numbers, files
