"""Architectures: parameter counts, shapes, structure, and a few training steps with every constraint."""

import gc
import resource
from pathlib import Path
from typing import get_args

import pytest
import torch
from catalogue import ENTRIES
from conftest import make_data
from pydantic import TypeAdapter

from wganlib import architectures
from wganlib.architectures import ArchitectureSpec
from wganlib.architectures.modules import ConditionalBatchNorm, Stack, Weights
from wganlib.architectures.nodes import Heads, Layer, Norm, Op, Residual, parameter_count, weight_layers
from wganlib.datasets import DataShape
from wganlib.errors import parse
from wganlib.planning.cost import run_flops
from wganlib.spec.run import Spec
from wganlib.training.generated_samples import sample
from wganlib.training.trainer import Trainer

ANY: TypeAdapter[ArchitectureSpec] = TypeAdapter(ArchitectureSpec)
NETWORKS = ("generator", "critic")
ADAM = {"name": "adam", "learning_rate": 1e-3, "beta1": 0.0, "beta2": 0.9}
CONSTRAINTS = {
    "none": {"kind": "none"},
    "clipping": {"kind": "clipping", "limit": 0.01},
    "clipping before": {"kind": "clipping", "limit": 0.01, "order": "before"},
    "two_sided": {"kind": "gradient_penalty", "form": "two_sided", "weight": 10.0},
    "one_sided": {"kind": "gradient_penalty", "form": "one_sided", "weight": 10.0},
    "centralised": {"kind": "gradient_penalty", "form": "centralised", "weight": 1.0},
    "max": {"kind": "gradient_penalty", "form": "max", "weight": 1.0},
    "max replace": {"kind": "gradient_penalty", "form": "max", "weight": 1.0, "buffer": {"size": 2, "mode": "replace"}},
    "max extend": {"kind": "gradient_penalty", "form": "max", "weight": 1.0, "buffer": {"size": 2, "mode": "extend"}},
    "spectral": {"kind": "spectral_normalization"},
}


WGAN = ("wgan dcgan", "wgan constant_filters", "wgan no_batch_norm")


def small_spec(name, constraint, objective="log_sigmoid", **method):
    """A catalogue entry at a small width, its critic normalised as the constraint allows."""
    entry = ENTRIES[name]
    # Bottlenecks of one channel, half of two, would be dead ReLUs.
    architecture = entry.architecture | {"width": 0.25 if name == "lsun64 resnet101" else 0.0625}
    if architecture.get("critic_normalization", "none") != "none" or name in ("lsun_resnet", *WGAN):
        penalised, spectral = constraint["kind"] == "gradient_penalty", constraint["kind"] == "spectral_normalization"
        architecture["critic_normalization"] = "layer" if penalised else "none" if spectral else "batch"
    if architecture.get("conditional"):
        method.setdefault("auxiliary", {"critic_weight": 1.0, "generator_weight": 0.1})
    settings = {
        "objective": objective,
        "constraint": constraint,
        "generator_optimizer": ADAM,
        "critic_optimizer": ADAM,
        "critic_steps": 1,
        "batch_size": 4,
        "generator_batch_size": 4,
    }
    value = {
        "dataset": entry.small,
        "architecture": architecture,
        "method": settings | method,
        "generator_iterations": 3,
        "seed": 0,
        "log_every": 1,
    }
    return parse(Spec, value, name)


@pytest.mark.parametrize("name", ENTRIES)
def test_parameter_counts_are_those_published_or_written_by_hand(name):
    entry = ENTRIES[name]
    architecture, shape = ANY.validate_python(entry.architecture), entry.shape()
    for side, network in enumerate(NETWORKS):
        assert (entry.published[side] is None) != (entry.derived[side] is None)
        assert architectures.parameters(architecture, shape, network) == entry.expected(side), network


@pytest.mark.parametrize("name", ENTRIES)
def test_built_modules_have_the_counted_parameters_and_make_the_data_s_shape(name):
    spec = small_spec(name, CONSTRAINTS["none"])
    shape = spec.dataset.shape
    for network in NETWORKS:
        nodes, inputs = architectures.nodes(spec.architecture, shape, network)
        built = Stack(nodes, inputs, torch.Generator().manual_seed(0), shape.classes)
        counted = architectures.parameters(spec.architecture, shape, network)
        assert sum(p.numel() for p in built.parameters()) == counted
        if network == "generator" and nodes:
            labels = torch.tensor([0, 1, 2])
            examples = built(torch.randn(3, *inputs), labels)
            assert examples.shape == (3, *shape.shape)
            if shape.kind != "points" and spec.architecture.family != "wgan":
                assert shape.low <= float(examples.detach().min()) <= float(examples.detach().max()) <= 1
        elif network == "critic":
            values = built(torch.randn(3, *shape.shape))
            assert values.shape == (3, 11 if getattr(spec.architecture, "conditional", False) else 1)


def test_every_family_is_in_the_catalogue():
    families = {model.model_fields["family"].annotation.__args__[0] for model in get_args(get_args(ArchitectureSpec)[0])}
    assert {entry.architecture["family"] for entry in ENTRIES.values()} == families


@pytest.mark.parametrize("constraint", CONSTRAINTS)
@pytest.mark.parametrize("name", ENTRIES)
def test_every_architecture_trains_three_steps_with_every_constraint(name, constraint):
    spec = small_spec(name, CONSTRAINTS[constraint])
    trainer = Trainer(spec, make_data(spec.dataset), torch.device("cpu"))
    before = {k: v.clone() for k, v in trainer.state().items() if k.startswith(("generator.", "critic."))}
    assert list(trainer.run()) == [1, 2, 3]
    assert trainer.outcomes() == ["ok"]
    after = trainer.state()
    assert before.keys() <= after.keys()
    if "clipping" in constraint:  # Adam's last step of 1e-3 stands unclipped where clipping comes before it
        allowed = 0.01 + 1e-8 + (2e-3 if "before" in constraint else 0)
        assert max(float(p.detach().abs().max()) for p in trainer.critic.parameters()) <= allowed
    else:
        # Every parameter is reached by a gradient, and the moving averages move. (Clipped gradients may vanish: that is the
        # point of the papers.) The vectors of a spectral norm of one row are their own fixed point.
        still = [k for k, v in before.items() if torch.equal(v, after[k]) and not k.endswith(("._u", "._v"))]
        assert not still, still
    if constraint == "spectral":
        for _ in range(60):  # the power iteration follows the weights, a step each pass
            trainer.critic(trainer.member.images.train[:2])
        for module in trainer.critic.modules():
            if isinstance(module, Weights):
                used = module.effective().detach()
                assert float(torch.linalg.matrix_norm(used.flatten(1), 2)) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("name", ["lsun64 dcgan", pytest.param("lsun_resnet", marks=pytest.mark.slow)])
def test_memory_does_not_grow_over_200_steps_with_layer_norm_and_double_backward(name):
    spec = small_spec(name, CONSTRAINTS["two_sided"], batch_size=32)
    trainer = Trainer(spec, make_data(spec.dataset), torch.device("cpu"))

    def tensors():
        gc.collect()
        return sum(isinstance(o, torch.Tensor) for o in gc.get_objects())

    def mebibytes():
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 2**20

    for _ in range(20):
        trainer.critic_step()
    count, resident = tensors(), mebibytes()
    for _ in range(200):
        trainer.critic_step()
    assert tensors() == count
    # Graphs kept alive would add 64 and 289 mebibytes (planted).
    assert mebibytes() - resident < 30


@pytest.mark.parametrize(
    "name", ["lsun64 resnet101", "lsun64 gated", "cifar_resnet", "lsun_resnet", "mnist", "language", "toy 3x512", "wgan dcgan"]
)
def test_estimated_operations_match_torch_s_counter(name):
    """Within 10 %: at these widths the terms that the formula leaves out, of first layers in parallel, weigh most."""
    from test_spec import CountedFlops

    for constraint in ("none", "two_sided"):
        spec = small_spec(name, CONSTRAINTS[constraint])
        trainer = Trainer(spec, make_data(spec.dataset), torch.device("cpu"))
        with CountedFlops() as counter:
            trainer.step()
        assert counter.total == pytest.approx(run_flops(spec) / spec.generator_iterations, rel=0.1)


def _nodes(name, network, **changes):
    entry = ENTRIES[name]
    return architectures.nodes(ANY.validate_python(entry.architecture | changes), entry.shape(), network)


def test_resnet101_has_101_weight_layers_norms_last_in_the_branch_and_the_official_factors():
    for network in NETWORKS:
        nodes, shape = _nodes("lsun64 resnet101", network)
        assert sum(layer.name != "shortcut" for layer, _ in weight_layers(nodes, shape)) == 101
        blocks = [node for node in nodes if isinstance(node, Residual)]
        assert len(blocks) == 33
        for block in blocks:
            assert block.scale == 0.3
            assert block.branch[0] == Op("relu")
            *others, last = [node for node in block.branch if isinstance(node, Layer)]
            assert last.normalization == "batch"
            assert not last.bias
            assert all(node.normalization == "none" and node.bias for node in others)
        assert nodes[-2:] == [Op("scale", 0.2), Op("tanh")] if network == "generator" else nodes[-1] == Op("scale", 0.2)


def test_the_cifar_critic_s_two_halving_blocks_pool_at_different_places():
    nodes, _ = _nodes("cifar_resnet", "critic")
    first, second, *plain = (node for node in nodes if isinstance(node, Residual))
    assert [type(n) for n in first.shortcut] == [Op, Layer]
    assert [type(n) for n in second.shortcut] == [Layer, Op]
    assert isinstance(first.branch[0], Layer)
    assert second.branch[0] == Op("relu")
    assert [block.shortcut for block in plain] == [(), ()]
    assert nodes[-3:-1] == [Op("relu"), Op("global_mean")]


def test_the_conditional_generator_s_output_norm_is_not_conditional_and_the_critic_has_a_class_head():
    nodes, _ = _nodes("cifar_resnet conditional", "generator")
    norms = [node for block in nodes if isinstance(block, Residual) for node in block.branch if isinstance(node, Norm)]
    assert [n.kind for n in norms] == ["conditional_batch"] * 6
    assert [n.kind for n in nodes if isinstance(n, Norm)] == ["batch"]
    critic, _ = _nodes("cifar_resnet conditional", "critic")
    assert isinstance(critic[-1], Heads)
    assert [head.outputs for head in critic[-1].heads] == [1, 10]


def test_upsampling_comes_before_the_first_convolution_or_where_the_appendix_puts_it():
    for upsampling, place in (("before_first", 2), ("before_second", 5)):
        nodes, shape = _nodes("cifar_resnet", "generator", upsampling=upsampling)
        kinds = ["batch", "relu", "conv", "batch", "relu", "conv"]
        kinds.insert(place, "upsample")
        assert [n.kind for n in nodes[1].branch] == kinds
        assert parameter_count(nodes, shape) == ENTRIES["cifar_resnet"].expected(0)


def test_the_lsun_critic_strides_in_its_branch_and_pools_in_its_shortcut_and_its_generator_has_gain_one_half():
    critic, _ = _nodes("lsun_resnet", "critic")
    block = critic[1]
    assert [n.stride for n in block.branch if isinstance(n, Layer)] == [1, 2]
    assert block.shortcut[0] == Op("mean_pool")
    assert critic[-2] == Op("global_mean")
    assert isinstance(critic[-3], Residual)
    generator, shape = _nodes("lsun_resnet", "generator")
    gains = {layer.name: layer.init.value for layer, _ in weight_layers(generator, shape)}
    assert gains == {"input": 1.0, "conv1": 0.5, "conv2": 1.0, "shortcut": 0.5, "output": 0.5}


# Initial weights by the name of the layer: linear layers, shortcuts and layers without "He" are Glorot.
INITS = {
    "cifar_resnet": (
        {"input": "glorot", "conv1": "he", "conv2": "he", "shortcut": "glorot", "output": "glorot"},
        {"conv1": "he", "conv2": "he", "shortcut": "glorot", "output": "glorot"},
    ),
    "cifar_resnet lgan": (
        {"input": "glorot", "conv1": "fan_in", "conv2": "fan_in", "shortcut": "glorot", "output": "glorot"},
        {"conv1": "fan_in", "conv2": "fan_in", "shortcut": "glorot", "output": "glorot"},
    ),
    "lsun_resnet": (
        {"input": "glorot", "conv1": "he", "conv2": "he", "shortcut": "glorot", "output": "glorot"},
        {"input": "he", "conv1": "he", "conv2": "he", "shortcut": "glorot", "output": "glorot"},
    ),
    "lsun64 resnet": (
        {"input": "glorot", "conv1": "he", "conv2": "he", "shortcut": "glorot", "output": "he"},
        {"input": "glorot", "conv1": "he", "conv2": "he", "shortcut": "glorot", "output": "glorot"},
    ),
    "lsun64 resnet101": (
        {"input": "glorot", "conv1": "he", "conv2": "he", "conv3": "he", "shortcut": "glorot", "output": "glorot"},
        {"input": "glorot", "conv1": "he", "conv2": "he", "conv3": "he", "shortcut": "glorot", "output": "glorot"},
    ),
    "cifar_dcgan": (
        {"input": "glorot", "up1": "he", "up2": "he", "up3": "he"},
        {"down1": "he", "down2": "he", "down3": "he", "output": "glorot"},
    ),
    "mnist": (
        {"input": "glorot", "up1": "he", "up2": "he", "up3": "he"},
        {"down1": "he", "down2": "he", "down3": "he", "output": "glorot"},
    ),
    "language": (
        {"input": "glorot", "conv1": "he", "conv2": "he", "output": "he"},
        {"input": "he", "conv1": "he", "conv2": "he", "output": "glorot"},
    ),
    "lsun64 gated": (
        {"input": "glorot", "up1": "he", "up2": "he", "up3": "he", "up4": "he"},
        {"down1": "he", "down2": "he", "down3": "he", "down4": "he", "output": "glorot"},
    ),
}


@pytest.mark.parametrize("name", INITS)
def test_each_layer_begins_as_its_paper_s_code_has_it(name):
    for network, expected in zip(NETWORKS, INITS[name], strict=True):
        found = {}
        for layer, _ in weight_layers(*_nodes(name, network)):
            found.setdefault(layer.name, set()).add(layer.init.rule)
        assert found == {key: {rule} for key, rule in expected.items()}, network


def test_toys_begin_as_their_code_has_them():
    def inits(name):
        return [tuple(layer.init) for layer, _ in weight_layers(*_nodes(name, "critic"))]

    assert inits("toy 3x512") == [("fan_in", 1.0)] * 3 + [("glorot", 1.0)]
    assert inits("toy 12x512") == [("glorot", 1.0)] * 13
    assert inits("toy 64x128 SELU") == [("equalised_normal", 1.0)] * 65
    assert inits("toy dense 8x256") == [("equalised_uniform", 2.0)] * 9


def test_rows_with_uniform_0_02_and_rows_without():
    def inits(name, network):
        return {layer.init for layer, _ in weight_layers(*_nodes(name, network))}

    for name in ("lsun64 dcgan", "lsun64 tanh", "lsun64 no_normalization"):
        for network in NETWORKS:
            assert {(i.rule, i.value) for i in inits(name, network)} == {("uniform", 0.02)}
    for name in ("lsun64 constant_filters", "lsun64 mlp"):
        assert {(i.rule, i.value) for i in inits(name, "critic")} == {("uniform", 0.02)}
        assert "uniform" not in {i.rule for i in inits(name, "generator")}
    assert "uniform" not in {i.rule for network in NETWORKS for i in inits("lsun64 gated", network)}
    assert {i.rule for i in inits("wgan dcgan", "generator")} == {"normal"}
    assert {i.rule for i in inits("wgan mlp", "generator")} == {"torch"}


def test_the_mnist_generator_crops_8_to_7_and_its_critic_rounds_up():
    nodes, shape = _nodes("mnist", "generator")
    assert [i[1:] for layer, i in weight_layers(nodes, shape)][1:] == [(4, 4), (7, 7), (14, 14)]
    small, shape = architectures.nodes(
        ANY.validate_python({"family": "mnist"}), DataShape("images", (1, 16, 16), None, 0.0), "generator"
    )
    assert [i[1:] for layer, i in weight_layers(small, shape)][1:] == [(2, 2), (4, 4), (8, 8)]
    critic, shape = _nodes("mnist", "critic")
    assert [i for _, i in weight_layers(critic, shape)] == [(1, 28, 28), (64, 14, 14), (128, 7, 7), (256, 4, 4)]


def test_labels_choose_the_rows_of_a_conditional_norm():
    norm = ConditionalBatchNorm(2, 3)
    with torch.no_grad():
        norm.scale.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
        norm.offset.copy_(torch.tensor([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]))
    x = torch.randn(4, 2, 3, 3, dtype=torch.float64)
    labels = torch.tensor([2, 0, 1, 2])
    found = norm.double()(x, labels).detach()
    mean, variance = x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3), unbiased=False)
    for n, label in enumerate(labels.tolist()):
        for c in range(2):
            expected = (x[n, c] - mean[c]) / torch.sqrt(variance[c] + 1e-5)
            expected = expected * float(norm.scale[label, c].detach()) + float(norm.offset[label, c].detach())
            assert torch.allclose(found[n, c], expected, atol=1e-10)


def test_samples_of_a_conditional_generator_have_the_asked_classes():
    spec = small_spec("cifar_resnet conditional", CONSTRAINTS["none"])
    trainer = Trainer(spec, make_data(spec.dataset), torch.device("cpu"))
    seen = []

    class Recorded(torch.nn.Module):
        def forward(self, z, labels):
            seen.append(labels)
            return trainer.generator(z, labels)

    wanted = torch.arange(10)
    made = torch.cat(list(sample(Recorded(), spec, 10, 4, torch.Generator().manual_seed(0), wanted)))
    assert made.shape == (10, 3, 16, 16)
    assert torch.cat(seen)[:10].tolist() == wanted.tolist()
    list(sample(Recorded(), spec, 200, 100, torch.Generator().manual_seed(0)))
    assert set(torch.cat(seen[-2:]).tolist()) == set(range(10))


@pytest.mark.parametrize(("name", "filters"), [("cifar_dcgan", 128), ("mnist", 64)])
def test_normalised_critics_have_two_parameters_more_a_channel_of_all_but_the_first_convolution(name, filters):
    for norm in ("batch", "layer"):
        nodes, shape = _nodes(name, "critic", critic_normalization=norm)
        assert parameter_count(nodes, shape) == ENTRIES[name].expected(1) + 2 * (2 * filters + 4 * filters)
        assert [layer.normalization for layer, _ in weight_layers(nodes, shape)] == ["none", norm, norm, "none"]
