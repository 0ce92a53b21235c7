"""Objectives, constraints, architectures, training and scores for Wasserstein, gradient-penalty and Lipschitz GANs.

What stands here is the Python page, docs/python.md; each name is loaded when it is first used, so that importing is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wganlib import architectures
    from wganlib.api import load_generator, read_results, score, train
    from wganlib.errors import WganlibError
    from wganlib.methods import constraints, objectives
    from wganlib.planning.plan import load_plan
    from wganlib.version import __version__

__all__ = [
    "WganlibError",
    "__version__",
    "architectures",
    "constraints",
    "load_generator",
    "load_plan",
    "objectives",
    "read_results",
    "score",
    "train",
]

_PARTS = {"architectures": "wganlib", "constraints": "wganlib.methods", "objectives": "wganlib.methods"}
_NAMES = {
    "WganlibError": "wganlib.errors",
    "__version__": "wganlib.version",
    "load_plan": "wganlib.planning.plan",
    **dict.fromkeys(("load_generator", "read_results", "score", "train"), "wganlib.api"),
}


if not TYPE_CHECKING:  # else a misspelt name would be any to a type checker

    def __getattr__(name: str) -> Any:
        if name in _PARTS:
            return import_module(f"{_PARTS[name]}.{name}")
        if name in _NAMES:
            return getattr(import_module(_NAMES[name]), name)
        raise AttributeError(f"module 'wganlib' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
