"""Guards of cached results: short trainings of every part in float64 as they were recorded, a line a case.

Where numbers changed on purpose, raise the `version` of the part that changed them. Then, and for a new part,
`python -m pytest tests/methods/test_numerics.py --record` writes the lines of those cases alone, on any processor.
"""

import json
from typing import get_args

import numpy as np
import pytest
import torch
from catalogue import ENTRIES
from conftest import REPOSITORY, make_data, make_spec
from test_architectures import CONSTRAINTS, small_spec

from wganlib.architectures import ArchitectureSpec
from wganlib.methods.constraints import FORMS
from wganlib.methods.method import ConstraintSpec, OptimizerSpec
from wganlib.methods.objectives import OBJECTIVES
from wganlib.training.trainer import Trainer

GOLDEN = REPOSITORY / "tests/golden.jsonl"
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
} | {name: {"method.objective": name} for name in OBJECTIVES if name not in ("wgan", "nonsaturating_gan")}
CASES = [*BASE, *CHANGES, *ENTRIES]


def golden_spec(case):
    """The spec of a recorded trajectory."""
    if case in ENTRIES:
        # One step of the deepest network magnifies last bits 300,000 times: its first alone is compared.
        iterations = 1 if case == "lsun64 resnet101" else 3
        spec = small_spec(case, CONSTRAINTS["two_sided"], objective="wgan")
        return spec.model_copy(update={"generator_iterations": iterations})
    return make_spec(case if case in BASE else "wgan_gp", log_every=1, **CHANGES.get(case, {}))


@pytest.fixture
def float64():
    """Processors differ in the last bits, and trainings magnify that: in float64 it stays far below what is compared."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="session")
def golden():
    """Recorded trajectories by case."""
    return {line["case"]: line for line in map(json.loads, GOLDEN.read_text().splitlines())}


def write(golden):
    """A line a case, sorted: a new case is one new line."""
    GOLDEN.write_text("".join(f"{json.dumps(golden[case])}\n" for case in sorted(golden)))


@pytest.mark.parametrize("case", CASES)
def test_golden_trajectories(case, digits, float64, golden, request):
    """Losses, penalty and gradient norm of a few iterations, as recorded."""
    spec = golden_spec(case)
    trainer = Trainer(spec, make_data(spec.dataset) if case in ENTRIES else digits, torch.device("cpu"))
    list(trainer.run())
    assert next(trainer.critic.parameters()).dtype == torch.float64
    history = [[float(f"{value:.9g}") for value in row[1:-1]] for row in trainer.history]
    if request.config.getoption("--record") and golden.get(case, {}).get("numerics") != spec.numerics:
        golden[case] = {"case": case, "numerics": spec.numerics, "history": history}
        write(golden)
    assert case in golden, f"no trajectory of {case!r} yet: record it (see this file's head)"
    assert golden[case]["numerics"] == spec.numerics, "a version was raised: record the trajectory anew (see this file's head)"
    np.testing.assert_allclose(history, golden[case]["history"], rtol=1e-6, atol=1e-9)


def members(union):
    """The specs of a union."""
    return get_args(get_args(union)[0])


def test_every_trained_part_has_a_golden_trajectory(golden):
    wanted = {f"objective:{name}" for name in OBJECTIVES} | {"penalty:buffer"}
    wanted |= {f"constraint:{get_args(m.model_fields['kind'].annotation)[0]}" for m in members(ConstraintSpec)}
    wanted |= {f"penalty:{name}" for name, form in FORMS.items() if form.version is not None}
    wanted |= {f"optimizer:{get_args(m.model_fields['name'].annotation)[0]}" for m in members(OptimizerSpec) if m.version}
    wanted |= {f"architecture:{get_args(m.model_fields['family'].annotation)[0]}" for m in members(ArchitectureSpec)}
    assert wanted <= {key for case in CASES for key in golden_spec(case).numerics}
    assert set(golden) == set(CASES), "tests/golden.jsonl holds cases that are no more, or lacks some"
