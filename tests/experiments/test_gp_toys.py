"""WGAN-GP's toys: what is measured on networks that are known."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from known import member, trained
from made_up import values
from scipy.optimize import linear_sum_assignment
from test_stacks import CPU, MLP, toy
from torch import Tensor, nn

from wganlib.datasets.loading import load
from wganlib.experiments import gp_fig1a, gp_fig1b, gp_toy_training
from wganlib.measuring import maps
from wganlib.measuring.study import Member, Study, untrained
from wganlib.spec.stack import StackSpec
from wganlib.streams import stream
from wganlib.training.networks import build_critic
from wganlib.training.stacked_trainer import StackedTrainer

SURFACES = {"grid": 31, "limit": 3.0, "samples": 200}
CLIPPED = toy(constraint={"kind": "clipping", "limit": 0.01})
CLIPPING, TEN = {"method": "clipping", "weight": "none"}, {"method": "penalty", "weight": "10"}


def test_an_untrained_run_has_the_weights_that_its_training_begins_with() -> None:
    spec = toy(architecture=MLP, seed=4)
    trainer = StackedTrainer(StackSpec(runs=(spec,)), [load(spec.dataset)], CPU)
    before = untrained(trained(spec, lambda x: x[:, 0]))
    assert before.generator is not None
    for network, of_training in ((before.generator, trainer.generator), (before.critic, trainer.critic)):
        for name, weight in network.state_dict().items():
            torch.testing.assert_close(weight, of_training.state_dict()[name][0], rtol=0, atol=0)


@pytest.mark.parametrize("data", ["gaussians8", "gaussians25"])
def test_the_modes_are_those_of_the_data(data: str) -> None:
    places = maps.modes(data)
    assert places is not None
    centres, half_way = places
    real = maps.samples(trained(toy(data), lambda x: x[:, 0]), 5000)[0].numpy()
    distance = np.linalg.norm(real[:, None] - centres, axis=2)
    assert distance.min(axis=1).max() < 6 * gp_toy_training.STD[data]
    assert len(set(distance.argmin(axis=1))) == len(centres)
    # A point half way is as far from its two nearest modes.
    nearest = np.sort(np.linalg.norm(half_way[:, None] - centres, axis=2), axis=1)
    np.testing.assert_allclose(nearest[:, 0], nearest[:, 1], rtol=1e-9)
    assert len(half_way) == {8: 8, 25: 40}[len(centres)]


def at_modes(x: Tensor) -> Tensor:
    """A peak at each of eight modes."""
    centres = torch.tensor(maps.modes("gaussians8")[0], dtype=torch.float32)  # type: ignore[index]
    return torch.exp(-(torch.cdist(x, centres).amin(dim=1) ** 2) / 0.02)


def test_surfaces_of_known_critics() -> None:
    quadratic = member(CLIPPED, lambda x: x[:, 0] ** 2 - x[:, 0] * x[:, 1] + 3, data="8 Gaussians", **CLIPPING)
    findings = gp_fig1a.measure(Study((quadratic, member(toy(), at_modes, data="8 Gaussians", **TEN)), SURFACES))
    for quantity in ("beyond_quadratic", "beyond_quadratic_near"):
        assert values(findings, quantity, state="trained", method="clipping") == pytest.approx([0], abs=1e-6)
        assert values(findings, quantity, state="trained", method="penalty")[0] > 0.5
    assert values(findings, "discrimination", state="trained", method="penalty")[0] > 0.9
    assert values(findings, "discrimination", state="trained", method="clipping")[0] < 0.1
    # Both began as the same network.
    first, second = values(findings, "beyond_quadratic", state="untrained")
    assert first == second > 0
    assert findings.arrays["surface/8 Gaussians/penalty/10"].shape == (31, 31)


def test_gradient_norms_stand_beside_the_biased_optimum() -> None:
    sloping = member(toy(seed=3), lambda x: 1.5 * x[:, 0] - 2 * x[:, 1], data="8 Gaussians", **TEN)
    findings = gp_fig1a.measure(Study((sloping,), SURFACES | {"samples": 800}))
    assert values(findings, "gradient_norm", state="trained") == pytest.approx([2.5], rel=1e-5)
    # W1 between the data and the data plus noise, again, from other samples.
    source = torch.Generator().manual_seed(11)
    real, other = (sloping.run.data.preprocess(torch.zeros(800, 1), source) for _ in range(2))
    cost = torch.cdist(real, other + torch.randn(other.shape, generator=source)).double().numpy()
    w1 = cost[linear_sum_assignment(cost)].mean()
    row = next(row for row in findings.rows if row["quantity"] == "gradient_norm")
    assert row["expected"] == pytest.approx(1 + w1 / 20, abs=0.01)


@pytest.mark.parametrize(("slope", "share"), [(0.89, 0.0), (0.91, 1.0), (1.19, 1.0), (1.21, 0.0)])
def test_the_share_of_norms_near_one(slope: float, share: float) -> None:
    findings = gp_fig1a.measure(Study((member(toy(), lambda x: slope * x[:, 0], data="8 Gaussians", **TEN),), SURFACES))
    assert values(findings, "norm_share", state="trained") == [share]


def test_w1_attained_of_a_cone_is_one_whatever_its_scale_and_changes_sign_with_it() -> None:
    # The data are one point: f = -k |x - point| is the optimal critic times k.
    point = torch.tensor([1.0, 0.0])
    cones = [
        member(toy("two_points"), lambda x, k=k: -k * (x - point).norm(dim=1), data="point", method="penalty", weight=str(k))
        for k in (1.0, 3.0, -3.0)
    ]
    findings = gp_fig1a.measure(Study(tuple(cones), SURFACES))
    assert values(findings, "w1_attained", state="trained") == pytest.approx([1, 1, -1], rel=1e-4)
    flat = member(toy("two_points"), lambda x: 0 * x[:, 0], data="point", **TEN)
    assert math.isnan(values(gp_fig1a.measure(Study((flat,), SURFACES)), "w1_attained", state="trained")[0])


def test_w1_attained_looks_for_slopes_between_any_real_and_any_generated_example(monkeypatch: pytest.MonkeyPatch) -> None:
    # Rows that belong together lie at 0 and 1, and at 10 and 11; between 3 and 8 the critic is five times as steep.
    real = torch.tensor([[0.0, 0.0], [10.0, 0.0]]).repeat(50, 1)
    monkeypatch.setattr(maps, "samples", lambda run, count: (real, real + torch.tensor([1.0, 0.0])))
    run = trained(toy(), lambda x: -x[:, 0] - 4 * (x[:, 0] - 3).clamp(0, 5))
    assert maps.attained(run, 1.0, 100) == pytest.approx(1 / 5)


def test_layer_norms_are_of_each_layers_output() -> None:
    spec = toy(architecture={"hidden_layers": 3, "hidden_units": 7})
    run = trained(spec, build_critic(spec, stream(4, "init")))
    found = gp_fig1b.layer_norms(run, 3)
    matrices = [p.detach().double() for p in run.critic.parameters() if p.ndim > 1]
    biases = [p.detach().double() for p in run.critic.parameters() if p.ndim == 1]
    size = spec.method.batch_size
    rows = []
    for x in torch.cat([part.double() for part in maps.samples(run, size * 3)]):
        masks, h = [], x
        for weight, bias in zip(matrices[:-1], biases[:-1], strict=True):
            z = weight @ h + bias
            masks.append((z > 0).double())
            h = torch.relu(z)
        back, norms = matrices[-1][0], []
        for layer in (2, 1, 0):
            norms.insert(0, float(back.norm()))
            back = (back * masks[layer]) @ matrices[layer]
        rows.append(norms)
    np.testing.assert_allclose(found, np.mean(rows, axis=0), rtol=1e-9)


def test_slopes_of_norms_are_towards_the_input_and_limits_are_counted() -> None:
    assert gp_fig1b.slope(np.array([1000.0, 100.0, 10.0])) == pytest.approx(1.0)  # the input's side is the larger: explodes
    assert gp_fig1b.slope(np.array([1e-9, 1e-6, 1e-3])) == pytest.approx(-3.0)
    generator = np.random.default_rng(0)
    one, two = generator.normal(size=20_000), np.repeat([-1.0, 1.0], 10_000) + 0.2 * generator.normal(size=20_000)
    assert gp_fig1b.peaks(np.histogram(one, bins=60)[0]) == 1
    assert gp_fig1b.peaks(np.histogram(two, bins=60)[0]) == 2
    assert gp_fig1b.peaks(np.histogram(generator.uniform(-1, 1, 20_000), bins=60)[0]) == 1  # however noisy its top
    assert gp_fig1b.at_limits(np.array([0.01, -0.0099, 0.005, 0.0]), 0.01) == 0.5
    spec = toy()
    critic = build_critic(spec, stream(0, "init"))
    matrices = sum(p.numel() for p in critic.parameters() if p.ndim > 1)
    assert len(gp_fig1b.weights(trained(spec, critic))) == matrices


def test_how_straight_and_how_wide() -> None:
    assert gp_fig1b.log_linear(10.0 ** np.arange(12)) == pytest.approx(1)
    assert gp_fig1b.log_linear(10.0 ** np.array([0, 1, 0, 1])) == pytest.approx(np.corrcoef([0, 1, 0, 1], range(4))[0, 1] ** 2)
    # From -1 at 0.01 to 1 at 1, one a decade: within 0.15 of 0 over 0.3 decades. In any order.
    assert gp_fig1b.window(np.array([1.0, 0.01]), np.array([1.0, -1.0])) == pytest.approx(0.3, abs=1e-3)
    assert gp_fig1b.window(np.array([0.1, 1.0, 10.0]), np.array([0.0, 0.1, -0.1])) == pytest.approx(2)
    assert gp_fig1b.window(np.array([0.1, 1.0]), np.array([0.5, 0.2])) == 0


def test_a_clipped_run_stands_beside_its_untrained_weights_clipped_once() -> None:
    members = []
    for limit in (0.1, 0.01):
        spec = toy(constraint={"kind": "clipping", "limit": limit}, architecture=MLP | {"hidden_layers": 3})
        critic = build_critic(spec, stream(9, "init"))
        run = dataclasses.replace(trained(spec, critic), generator=Point(0.5))
        members.append(Member("clipping", {"method": "clipping", "limit": str(limit), "weight": "none"}, run))
    findings = gp_fig1b.measure(Study(tuple(members), {"batches": 1, "bins": 20}))
    before = untrained(members[1].run).critic
    weights = torch.cat([p.flatten() for p in before.parameters() if p.ndim > 1])
    assert findings.arrays["weights/clipping/0.01/untrained"][1].max() == pytest.approx(0.01)
    share = float((weights.abs() >= 0.0098).double().mean())
    assert values(findings, "at_limits", limit="0.01", state="untrained, clipped once") == pytest.approx([share])
    slopes = [values(findings, "slope", limit=limit, state="trained")[0] for limit in ("0.1", "0.01")]
    assert slopes[0] == pytest.approx(slopes[1])  # the same critic
    assert values(findings, "window", method="clipping") == pytest.approx([1.0], abs=1e-3)
    assert set(findings.arrays) >= {"norms/clipping/0.1/0", "weights/clipping/0.01/trained", "weights/clipping/0.01/untrained"}


def test_found_modes() -> None:
    centres = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    points = np.concatenate([np.repeat(centres[:1], 94, axis=0), np.repeat(centres[1:2], 6, axis=0)])
    assert gp_toy_training.modes_found(points, centres, 0.1) == 0.25  # a quarter of the due 25 is 6.25
    points[93] = centres[1]
    assert gp_toy_training.modes_found(points, centres, 0.1) == 0.5
    # A cloud over all modes finds none of them.
    cloud = np.random.default_rng(0).normal(size=(2000, 2))
    grid = maps.modes("gaussians25")
    assert grid is not None
    assert gp_toy_training.modes_found(cloud, grid[0], 4 * gp_toy_training.STD["gaussians25"]) < 0.7
    assert gp_toy_training.modes_found(grid[0], grid[0], 4 * gp_toy_training.STD["gaussians25"]) == 1


class Point(nn.Module):
    """A generator of one point at this distance from (1, 0), where the real one is."""

    def __init__(self, distance: float):
        super().__init__()
        self.distance = distance

    def forward(self, z: Tensor) -> Tensor:
        return torch.tensor([1.0 + self.distance, 0.0]).repeat(len(z), 1)


def points_apart(distances: dict[tuple[str, str], float], slopes: dict[str, float]) -> Study:
    """Generators by data and weight, and critics whose W1 attained is about 1, 0 or -1, by weight."""
    members = []
    for (data, weight), distance in distances.items():
        run = trained(toy("two_points", architecture=MLP), lambda x: x[:, 0])
        labels = {"method": "penalty", "weight": weight, "data": data}
        members.append(Member("penalised", labels, dataclasses.replace(run, generator=Point(distance))))
    point = torch.tensor([1.0, 0.0])
    for weight, k in slopes.items():
        critic = lambda x, k=k: -k * (x - point).norm(dim=1) + (1 - abs(k)) * x[:, 0]  # noqa: E731
        members.append(member(toy("two_points"), critic, "penalties", method="penalty", weight=weight, data="A"))
    return Study(tuple(members), {"samples": 50})


@pytest.mark.parametrize(("slopes", "rank"), [((1.0, 0.0, -1.0), 1.0), ((-1.0, 0.0, 1.0), -1.0)])
def test_distances_and_what_tells_them(slopes: tuple[float, ...], rank: float) -> None:
    weights = ("0.1", "1", "10")
    distances = {
        (data, w): d * f for data, f in (("A", 1.0), ("B", 2.0)) for w, d in zip(weights, (0.5, 1.0, 4.0), strict=True)
    }
    findings = gp_toy_training.measure(points_apart(distances, dict(zip(weights, slopes, strict=True))))
    assert values(findings, "w1", state="trained") == pytest.approx(list(distances.values()), rel=1e-6)
    assert values(findings, "log_w1", state="trained", data="B", weight="10") == pytest.approx([math.log(8)])
    assert values(findings, "log_w1_range", state="trained") == pytest.approx([math.log(8)] * 2)
    assert values(findings, "log_w1_range", state="untrained") == [0, 0]
    assert values(findings, "quality_rank", predictor="critic") == pytest.approx([rank])
    assert values(findings, "quality_rank", predictor="nearness on other data") == pytest.approx([1])
