"""Pairs of generator and critic. The descriptions need no torch; `build` makes modules of them.

A family is a spec with two methods, `generator_nodes` and `critic_nodes`, that give the networks for a shape of data as lists
of `layers.Node`; everything else (modules, parameter counts, costs) follows from the nodes. A new family is a file with such
a spec, its `version` among its attributes, and its name in `ArchitectureSpec` below. Raise the version when the numbers of the
family change: its runs, and no others, get another key and are trained again.
"""

from typing import Annotated, Literal

from pydantic import Field

from wganlib.architectures.families.dcgan import CifarDcganSpec, MnistSpec
from wganlib.architectures.families.language import LanguageSpec
from wganlib.architectures.families.lsun64 import Lsun64Spec
from wganlib.architectures.families.random_set import RandomSetSpec
from wganlib.architectures.families.resnet import CifarResnetSpec, LsunResnetSpec
from wganlib.architectures.families.toy import ToySpec
from wganlib.architectures.families.wgan import WganSpec
from wganlib.architectures.layers import Layer, Nodes, Norm, Op, final_shape, leaves, parameter_count
from wganlib.datasets import DataShape

ArchitectureSpec = Annotated[
    RandomSetSpec
    | WganSpec
    | Lsun64Spec
    | CifarDcganSpec
    | CifarResnetSpec
    | LsunResnetSpec
    | MnistSpec
    | LanguageSpec
    | ToySpec,
    Field(discriminator="family"),
]

Network = Literal["generator", "critic"]


def nodes(architecture: ArchitectureSpec, data: DataShape, network: Network) -> tuple[Nodes, tuple[int, ...]]:
    """A network's nodes and the shape of its input; a generator that has no network has no nodes.

    Raises:
        ValueError: the architecture cannot make data of this shape.
    """
    if network == "generator":
        return architecture.generator_nodes(data), (architecture.latent_size,)
    return architecture.critic_nodes(data), data.shape


def check(architecture: ArchitectureSpec, data: DataShape) -> None:
    """Refuse an architecture that does not make the data.

    Raises:
        ValueError: it cannot make data of this kind, size or range.
    """
    generator, shape = nodes(architecture, data, "generator")
    nodes(architecture, data, "critic")
    if not generator:
        return
    if final_shape(generator, shape) != data.shape:
        raise ValueError(f"{architecture.family} makes examples of {final_shape(generator, shape)}, found data of {data.shape}")
    last = generator[-1]
    ends_in = last.nonlinearity if isinstance(last, Layer) else last.kind if isinstance(last, Op) else None
    low = {"tanh": -1.0, "sigmoid": 0.0, "softmax": 0.0}.get(str(ends_in), data.low)
    if low != data.low:
        advice = (
            f"output '{'sigmoid' if data.low == 0 else 'tanh'}'"
            if architecture.family == "mnist"
            else "another dataset.scaling"
        )
        raise ValueError(f"{architecture.family} ends in {ends_in}, found data in [{data.low:g}, 1]: use {advice}")


def normalizations(architecture: ArchitectureSpec, data: DataShape, network: Network) -> set[str]:
    """The kinds of normalisation in a network."""
    found = (node for node, _ in leaves(*nodes(architecture, data, network)))
    return {str(node.kind if isinstance(node, Norm) else node.normalization) for node in found} - {"none"}


def parameters(architecture: ArchitectureSpec, data: DataShape, network: Network) -> int:
    """Number of trainable scalars of a network."""
    return parameter_count(*nodes(architecture, data, network), data.classes)
