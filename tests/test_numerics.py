"""Guards of cached results: a changed numerical module must be looked at, and NUMERICS raised where numbers changed.

After looking: WGANLIB_RECORD_FINGERPRINTS=1 python -m pytest tests/test_numerics.py
Where numbers changed on purpose: raise NUMERICS, then WGANLIB_RECORD_GOLDEN=1 python -m pytest tests/test_numerics.py -k golden
"""

import ast
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from catalogue import ENTRIES
from conftest import REPOSITORY, make_data, make_spec
from test_architectures import CONSTRAINTS, small_spec

from wganlib.numerics import NUMERICS, names
from wganlib.training import Trainer

RECORD = Path(__file__).parent / "fingerprints.json"
MODULES = [
    "architectures/build.py",
    "architectures/dcgan.py",
    "architectures/language.py",
    "architectures/layers.py",
    "architectures/lsun64.py",
    "architectures/modules.py",
    "architectures/random_set.py",
    "architectures/resnet.py",
    "architectures/toy.py",
    "architectures/wgan.py",
    "constraints.py",
    "datasets/cifar10.py",
    "datasets/digits.py",
    "datasets/files.py",
    "datasets/folders.py",
    "datasets/images.py",
    "datasets/imagenet32.py",
    "datasets/loading.py",
    "datasets/lsun.py",
    "datasets/mnist.py",
    "datasets/pairs.py",
    "datasets/sklearn_texts.py",
    "datasets/text.py",
    "datasets/toys.py",
    "method.py",
    "objectives.py",
    "optimizers.py",
    "records.py",
    "scores/classifier.py",
    "scores/diversity.py",
    "scores/inception.py",
    "scores/inception_scorer.py",
    "scores/measures.py",
    "scores/scoring.py",
    "scores/statistics.py",
    "stacked.py",
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


GOLDEN = Path(__file__).parent / "golden.json"
BASE = ["wgan_gp", "nonsaturating_gan"]
CHANGES = {
    "one_sided": {"method.constraint": CONSTRAINTS["one_sided"]},
    "max": {"method.constraint": CONSTRAINTS["max"] | {"weight": 10.0}},
    "centralised": {"method.constraint": CONSTRAINTS["centralised"]},
    "replace": {"method.constraint": CONSTRAINTS["max replace"]},
    "extend": {"method.constraint": CONSTRAINTS["max extend"]},
    "independent": {"method.constraint": CONSTRAINTS["two_sided"] | {"pairs": "independent"}},
    "clipping": {"method.constraint": {"kind": "clipping", "limit": 0.05}},
    "clipping before": {"method.constraint": {"kind": "clipping", "limit": 0.05, "order": "before"}},
    "spectral": {"method.constraint": CONSTRAINTS["spectral"], "architecture.critic_normalization": "none"},
    "rmsprop": {"method.critic_optimizer": {"name": "rmsprop", "learning_rate": 1e-3}},
    "rmsprop_tf": {"method.critic_optimizer": {"name": "rmsprop_tf", "learning_rate": 1e-3}},
    "sgd": {"method.critic_optimizer": {"name": "sgd", "learning_rate": 1e-3, "decay": {"kind": "linear"}}},
    "warmup": {"method.critic_warmup": {"critic_steps": 3, "first_iterations": 1, "every": 4}},
    "exp+0.5*sqrt": {"method.objective": "exp+0.5*sqrt"},
} | {name: {"method.objective": name} for name in names("objective") if name not in ("wgan", "nonsaturating_gan")}


def golden_run(case, digits):
    """The spec and the data of a recorded trajectory."""
    if case in ENTRIES:
        spec = small_spec(case, CONSTRAINTS["two_sided"], objective="wgan")
        return spec, make_data(spec.dataset)
    return make_spec(case if case in BASE else "wgan_gp", log_every=1, **CHANGES.get(case, {})), digits


@pytest.mark.parametrize("case", [*BASE, *CHANGES, *ENTRIES])
def test_golden_trajectories(case, digits):
    """Losses of a few iterations as recorded; when they change on purpose, raise the NUMERICS entry and record anew."""
    spec, data = golden_run(case, digits)
    trainer = Trainer(spec, data, torch.device("cpu"))
    list(trainer.run())
    found = {"history": [list(row[1:-1]) for row in trainer.history], "numerics": spec.numerics}
    recorded = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    if os.environ.get("WGANLIB_RECORD_GOLDEN"):
        lines = (f"{json.dumps(k)}: {json.dumps(v, sort_keys=True)}" for k, v in sorted((recorded | {case: found}).items()))
        GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        return
    assert case in recorded, f"no trajectory of {case!r} yet: record it (see this file's head)"
    expected = recorded[case]
    assert expected["numerics"] == {k: NUMERICS[k] for k in expected["numerics"]}, (
        "NUMERICS changed: record the trajectories anew"
    )
    # Processors differ in the last bits; a few iterations of float32 keep that below a thousandth.
    np.testing.assert_allclose(found["history"], expected["history"], rtol=2e-3, atol=2e-4)


def test_every_trained_part_has_a_golden_trajectory(digits):
    used = {key for case in [*BASE, *CHANGES, *ENTRIES] for key in golden_run(case, digits)[0].numerics}
    parts = ("objective", "constraint", "penalty", "optimizer", "architecture")
    assert {k for k in NUMERICS if k.startswith(parts)} - {"constraint:none"} <= used
