"""Guards of cached results: a changed numerical module must be looked at, and NUMERICS raised where numbers changed.

After looking: WGANLIB_RECORD_FINGERPRINTS=1 python -m pytest tests/test_numerics.py
Where numbers changed on purpose: raise NUMERICS, then WGANLIB_RECORD_GOLDEN=1 python -m pytest tests/test_numerics.py -k golden
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from catalogue import ENTRIES
from conftest import make_data, make_spec
from test_architectures import CONSTRAINTS, small_spec

from wganlib.numerics import NUMERICS, names
from wganlib.training.trainer import Trainer

GOLDEN = Path(__file__).parent.parent / "golden.json"
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
