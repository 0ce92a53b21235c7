"""Every architecture of the papers by name: its spec, its data, and the parameter counts that it must have.

`published`: the counts of generator and critic that the project's protocols state. `derived`: arithmetic written by hand from
the layers' shapes, where they state none; shown in docs/parts.md.
"""

from typing import Any, NamedTuple

from wganlib.architectures.families import random_set
from wganlib.datasets.spec import DatasetSpec

BEDROOMS = {"name": "lsun_bedrooms", "image_size": 64}
CIFAR = {"name": "cifar10", "image_size": 32}
POINTS = {"name": "gaussians8"}
TEXT = {"name": "billion_word", "length": 32, "vocabulary_size": 256}
V = 256


class Entry(NamedTuple):
    """One architecture; `small` is the data on which tests train it."""

    source: str
    architecture: dict[str, Any]
    data: dict[str, Any]
    small: dict[str, Any]
    published: tuple[int | None, int | None] = (None, None)
    derived: tuple[str | None, str | None] = (None, None)

    def expected(self, side: int) -> int:
        """The count that the generator (0) or critic (1) must have."""
        published, derived = self.published[side], self.derived[side]
        return published if published is not None else eval(derived or "", {"__builtins__": {}, "sum": sum, "range": range})

    def shape(self):
        return DatasetSpec.model_validate(self.data).shape


def _lsun64(variant: str, generator: int, critic: int, norm: str = "batch") -> Entry:
    architecture = {"family": "lsun64", "variant": variant, "critic_normalization": norm}
    row = "code's default net" if variant == "resnet" else "Figure 2"
    return Entry(f"WGAN-GP, {row}", architecture, BEDROOMS, BEDROOMS | {"image_size": 16}, (generator, critic))


def _wgan(source: str, generator: str, critic: str, published: Any, derived: Any, **options: Any) -> Entry:
    architecture = {"family": "wgan", "generator": generator, "critic": critic, **options}
    return Entry(f"WGAN, {source}", architecture, BEDROOMS, BEDROOMS | {"image_size": 16}, published, derived)


def _toy(source: str, data: dict[str, Any], published: Any, derived: Any, **options: Any) -> Entry:
    small = data | {"image_size": 16} if "image_size" in data else data
    return Entry(source, {"family": "toy", **options}, data, small, published, derived)


NO_GENERATOR = "0"
MLP_512 = "512*512 + 512"

ENTRIES: dict[str, Entry] = {
    "random_set (base)": Entry(
        "WGAN-GP, Table 1",
        random_set.architecture(random_set.BASE, width=1.0, critic_norm="batch").model_dump(exclude_defaults=True),
        {"name": "imagenet32", "image_size": 32},
        {"name": "imagenet32", "image_size": 16},
        (None, None),
        (
            "129*256*16 + 2*256 + (256*25+1)*128 + 2*128 + (128*25+1)*64 + 2*64 + (64*25+1)*3",
            "(3*25+1)*64 + (64*25+1)*128 + 2*128 + (128*25+1)*256 + 2*256 + 256*16 + 1",
        ),
    ),
    "wgan dcgan": _wgan("Figures 3-5", "dcgan", "dcgan", (3_576_704, 2_765_568), (None, None)),
    "wgan constant_filters": _wgan(
        "Figure 6", "constant_filters", "dcgan", (None, 2_765_568), ("100*64*16 + 3*64*64*16 + 64*3*16", None)
    ),
    "wgan no_batch_norm": _wgan(
        "Figure 6, code", "no_batch_norm", "dcgan", (None, 2_765_568), ("3576704 - 2*(512+256+128+64)", None)
    ),
    "wgan mlp": _wgan(
        "Figures 3, 7; critic of Figure 3",
        "mlp",
        "mlp",
        (None, None),
        (f"101*512 + 2*({MLP_512}) + 513*3*64*64", f"(3*64*64+1)*512 + 2*({MLP_512}) + 513"),
    ),
    "wgan mlp, 4 hidden": _wgan(
        "Figure 7, caption",
        "mlp",
        "mlp",
        (None, None),
        (f"101*512 + 3*({MLP_512}) + 513*3*64*64", f"(3*64*64+1)*512 + 3*({MLP_512}) + 513"),
        mlp_hidden_layers=4,
    ),
    "lsun64 dcgan": _lsun64("dcgan", 5_364_739, 4_316_545),
    "lsun64 constant_filters": _lsun64("constant_filters", 444_291, 4_316_545),
    "lsun64 mlp": _lsun64("mlp", 7_157_760, 4_316_545),
    "lsun64 no_normalization": _lsun64("no_normalization", 5_362_819, 4_314_753, "none"),
    "lsun64 gated": _lsun64("gated", 10_724_675, 8_624_897),
    "lsun64 tanh": _lsun64("tanh", 5_364_739, 4_316_545),
    "lsun64 resnet101": _lsun64("resnet101", 9_189_587, 7_618_801),
    "lsun64 resnet": _lsun64("resnet", 8_540_483, 7_491_841),
    "cifar_dcgan": Entry(
        "WGAN-GP, Figure 3",
        {"family": "cifar_dcgan", "critic_normalization": "none"},
        CIFAR,
        CIFAR | {"image_size": 16},
        (5_179_907, 4_114_689),
    ),
    "cifar_resnet": Entry(
        "WGAN-GP, Table 3", {"family": "cifar_resnet"}, CIFAR, CIFAR | {"image_size": 16}, (1_204_483, 1_053_825)
    ),
    "cifar_resnet conditional": Entry(
        "WGAN-GP, Table 3 (AC-GAN)",
        {"family": "cifar_resnet", "conditional": True},
        CIFAR,
        CIFAR | {"image_size": 16},
        (1_218_307, 1_055_115),
    ),
    "cifar_resnet lgan": Entry(
        "Lipschitz GANs, Tables 2, 3",
        {"family": "cifar_resnet", "initialization": "fan_in", "generator_normalization": "moving_batch"},
        CIFAR,
        CIFAR | {"image_size": 16},
        (1_204_483, 1_053_825),
    ),
    "lsun_resnet": Entry(
        "WGAN-GP, Figure 4",
        {"family": "lsun_resnet"},
        BEDROOMS | {"image_size": 128},
        BEDROOMS | {"image_size": 32},
        (8_544_515, 47_757_697),
    ),
    "mnist": Entry(
        "WGAN-GP, Figure 5b",
        {"family": "mnist"},
        {"name": "mnist", "image_size": 28},
        {"name": "mnist", "image_size": 28},
        (1_554_177, 1_030_145),
    ),
    "language": Entry(
        "WGAN-GP, Table 4 (256 symbols)",
        {"family": "language"},
        TEXT,
        {"name": "billion_word", "length": 8, "vocabulary_size": 10},
        (15_225_856 + 513 * V, 13_128_705 + 512 * V + 512),
    ),
    "toy 3x512": _toy("WGAN-GP, Figure 1a, training", POINTS, (None, 527_361), (f"3*512 + 2*({MLP_512}) + 513*2", None)),
    "toy 12x512": _toy(
        "WGAN-GP, Figure 1b",
        POINTS,
        (None, None),
        (f"3*512 + 11*({MLP_512}) + 513*2", f"3*512 + 11*({MLP_512}) + 513"),
        hidden_layers=12,
        initialization="glorot",
    ),
    "toy fixed generator": _toy(
        "WGAN-GP, Figure 1a", POINTS, (None, 527_361), (NO_GENERATOR, None), generator="data_plus_noise"
    ),
    "toy 64x128 SELU": _toy(
        "Lipschitz GANs, Figure 1",
        {"name": "lgan_case1"},
        (None, None),
        (NO_GENERATOR, "3*128 + 63*(128*128 + 128) + 129"),
        generator="given",
        hidden_layers=64,
        hidden_units=128,
        nonlinearity="selu",
        initialization="equalised_normal",
    ),
    "toy 4x1024": _toy(
        "Lipschitz GANs, Figure 2",
        {"name": "lgan_case3"},
        (None, None),
        (NO_GENERATOR, "3*1024 + 3*(1024*1024 + 1024) + 1025"),
        generator="given",
        hidden_layers=4,
        hidden_units=1024,
        initialization="equalised_normal",
    ),
    "toy dense 8x256": _toy(
        "Lipschitz GANs, Figures 3, 12 (critic)",
        CIFAR,
        (None, None),
        (NO_GENERATOR, "sum((3072 + 256*i + 1)*256 for i in range(8)) + (3072 + 8*256) + 1"),
        generator="data_plus_noise",
        hidden_layers=8,
        hidden_units=256,
        dense=True,
        initialization="equalised_uniform",
    ),
}
