"""Guards of cached results: short trainings of every part in float64 as they were recorded, a line a case.

Where numbers changed on purpose, raise the `version` of the part that changed them. Then, and for a new part,
`python -m pytest tests/methods/test_numerics.py --record` writes the lines of those cases alone, on any processor.
"""

import dataclasses
import json
from typing import get_args

import numpy as np
import pytest
import torch
from catalogue import ENTRIES
from conftest import REPOSITORY, make_data, make_spec
from test_architectures import CONSTRAINTS, small_spec

from wganlib.architectures import ArchitectureSpec
from wganlib.datasets import DATASETS
from wganlib.methods.constraints import FORMS
from wganlib.methods.method import ConstraintSpec, OptimizerSpec, TopKBuffer
from wganlib.methods.objectives import OBJECTIVES
from wganlib.spec import scoring
from wganlib.spec.run import RECORDS, Spec
from wganlib.spec.stack import StackSpec
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


def name_of(member, key):
    return get_args(member.model_fields[key].annotation)[0]


ROWS = {
    **{f"objective:{name}": (OBJECTIVES, name) for name in OBJECTIVES},
    **{f"penalty:{name}": (FORMS, name) for name, form in FORMS.items() if form.version is not None},
    **{f"dataset:{name}": (DATASETS, name) for name in DATASETS},
}
CLASSES = {
    "training": Spec,
    "penalty:buffer": TopKBuffer,
    **{f"constraint:{name_of(m, 'kind')}": m for m in members(ConstraintSpec)},
    **{f"optimizer:{name_of(m, 'name')}": m for m in members(OptimizerSpec) if m.version is not None},
    **{f"architecture:{name_of(m, 'family')}": m for m in members(ArchitectureSpec)},
}
SPECS = [golden_spec(case) for case in CASES]


def test_every_trained_part_has_a_golden_trajectory(golden):
    trained = {part for part in (*ROWS, *CLASSES) if not part.startswith("dataset:")}
    assert trained == {part for spec in SPECS for part in spec.numerics if not part.startswith("dataset:")}
    assert set(golden) == set(CASES), "tests/golden.jsonl holds cases that are no more, or lacks some"


@pytest.mark.parametrize("part", [*ROWS, *CLASSES])
def test_a_raised_version_gives_another_key_to_the_runs_of_its_part_and_to_no_others(part, monkeypatch):
    if part in ROWS:
        table, name = ROWS[part]
        monkeypatch.setitem(table, name, dataclasses.replace(table[name], version=table[name].version + 1))
    else:
        monkeypatch.setattr(CLASSES[part], "version", CLASSES[part].version + 1)
    for spec in SPECS:
        now = Spec.model_validate(spec.model_dump() | {"numerics": {}})
        assert {name for name, version in now.numerics.items() if version != spec.numerics[name]} == {part} & set(spec.numerics)


def test_records_optimisers_stacks_classifiers_and_scores_carry_their_versions(monkeypatch):
    record = RECORDS["critic_values"]
    monkeypatch.setitem(RECORDS, "critic_values", record._replace(version=5))
    both = make_spec(record=("critic_values", "held_out_loss"))
    assert both.numerics == make_spec().numerics | {"record:critic_values": 5, "record:held_out_loss": 2}
    sgd = {"name": "sgd", "learning_rate": 1e-3}
    assert make_spec(**{"method.generator_optimizer": sgd}).numerics == make_spec().numerics | {"optimizer:sgd": 1}
    monkeypatch.setattr(StackSpec, "version", 6)
    assert StackSpec(runs=(golden_spec("toy 3x512"),)).numerics == {"stack": 6}
    monkeypatch.setattr(scoring.ClassifierSpec, "version", 7)
    monkeypatch.setattr(scoring.ClassifierSpec, "resnet_version", 8)
    monkeypatch.setitem(DATASETS, "digits", dataclasses.replace(DATASETS["digits"], version=9))
    judge = {"dataset": {"name": "digits", "image_size": 16}, "epochs": 1, "seed": 0}
    assert scoring.ClassifierSpec(**judge).numerics == {"classifier": 7, "dataset:digits": 9}
    assert scoring.ClassifierSpec(**judge, resnet_width=4).numerics == {"classifier_resnet": 8, "dataset:digits": 9}
    monkeypatch.setitem(scoring.SCORE_VERSIONS, "coverage", 10)
    scored = scoring.ScoringSpec(network="classifier", num_samples=100, splits=10, measures=("coverage", "similarity"))
    assert scored.numerics == {"score:classifier": 2, "score:coverage": 10, "score:similarity": 2}
    assert set(scoring.SCORE_VERSIONS) == {*get_args(scoring.Network), *get_args(scoring.Measure)}
