"""Where data lie, and whether the official files are there. Importing this needs no torch."""

import os
from pathlib import Path

from wganlib.datasets import DATASETS
from wganlib.errors import WganlibError

INCEPTION = "inception-2015-12-05.pt"
"""Name of the Inception weights' file."""


def data_root() -> Path:
    """The folder of all data: the environment's DATA_ROOT, by default `data`.

    Raises:
        WganlibError: DATA_ROOT is set and is no folder.
    """
    given = os.environ.get("DATA_ROOT")
    root = Path(given or "data")
    if given and not root.is_dir():
        raise WganlibError(f"DATA_ROOT: {root} is no folder; set it to the folder that holds the data, or make it")
    return root


def inception_weights() -> Path:
    """The Inception weights' file: the environment's INCEPTION_WEIGHTS, by default in DATA_ROOT."""
    return Path(os.environ.get("INCEPTION_WEIGHTS") or data_root() / INCEPTION)


def there(name: str) -> bool:
    """Whether a data set's official files are below DATA_ROOT; true for those that need none."""
    row, root = DATASETS[name], data_root()
    needed = [source.makes for source in row.sources] + ([row.by_hand] if row.by_hand else [])
    return all((root / path).exists() for path in needed) or bool(row.reduced and (root / row.reduced).exists())
