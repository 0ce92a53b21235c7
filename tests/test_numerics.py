"""Guards of cached results: a changed numerical module must be looked at, and NUMERICS raised where numbers changed.

After looking: WGANLIB_RECORD_FINGERPRINTS=1 python -m pytest tests/test_numerics.py
"""

import ast
import hashlib
import json
import os
from pathlib import Path

import pytest
from conftest import REPOSITORY

RECORD = Path(__file__).parent / "fingerprints.json"
MODULES = [
    "architectures/build.py",
    "architectures/modules.py",
    "architectures/random_set.py",
    "constraints.py",
    "datasets/digits.py",
    "datasets/images.py",
    "objectives.py",
    "scores/classifier.py",
    "scores/scoring.py",
    "scores/statistics.py",
    "streams.py",
    "training.py",
]


def fingerprint(source: str) -> str:
    """Digest of a module's code without comments, docstrings and layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            kept = [s for s in body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
            node.body = kept or [ast.Pass()]
    return hashlib.sha256(_text(tree).encode()).hexdigest()[:16]


def _text(node: object) -> str:
    """A syntax tree as text that is the same in every version of Python: `ast.dump` and `ast.unparse` are not."""
    if isinstance(node, ast.AST):
        fields = ((name, value) for name, value in ast.iter_fields(node) if value not in (None, []) and name != "kind")
        return f"{type(node).__name__}({','.join(f'{name}={_text(value)}' for name, value in fields)})"
    if isinstance(node, list):
        return "[" + ",".join(map(_text, node)) + "]"
    return repr(node)


@pytest.mark.parametrize("module", MODULES)
def test_numerical_modules_are_as_recorded(module):
    found = fingerprint((REPOSITORY / "wganlib" / module).read_text())
    recorded = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    if os.environ.get("WGANLIB_RECORD_FINGERPRINTS"):
        RECORD.write_text(json.dumps(recorded | {module: found}, indent=1, sort_keys=True) + "\n")
        return
    assert found == recorded.get(module), (
        f"wganlib/{module} changed. Did its numbers? Then raise its entries in wganlib/numerics.py; either way record anew."
    )


def test_a_comment_or_docstring_changes_nothing_a_constant_does():
    assert fingerprint("x = 1  # a\n") == fingerprint('"""Doc."""\n\nx = 1\n')
    assert fingerprint("x = 1\n") != fingerprint("x = 2\n")
