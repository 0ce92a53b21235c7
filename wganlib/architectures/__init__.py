"""Pairs of generator and critic. The descriptions need no torch; `build` makes modules of them.

A family is a spec with two methods, `generator_nodes` and `critic_nodes`, that give the networks for a shape of data as lists
of `layers.Node`; everything else (modules, parameter counts, costs) follows from the nodes. A new family is a file with such
a spec, its `version` among its attributes, and its name in `ArchitectureSpec` below. Raise the version when the numbers of the
family change: its runs, and no others, get another key and are trained again.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import Field

from wganlib.architectures.families.dcgan import CifarDcganSpec, MnistSpec
from wganlib.architectures.families.language import LanguageSpec
from wganlib.architectures.families.lsun64 import Lsun64Spec
from wganlib.architectures.families.random_set import RandomSetSpec
from wganlib.architectures.families.resnet import CifarResnetSpec, LsunResnetSpec
from wganlib.architectures.families.toy import ToySpec
from wganlib.architectures.families.wgan import WganSpec
from wganlib.architectures.nodes import Layer, Nodes, Norm, Op, final_shape, leaves, parameter_count
from wganlib.datasets import DataShape, Kind
from wganlib.errors import WganlibError, parse
from wganlib.fields import Part

if TYPE_CHECKING:
    from wganlib.architectures.build import Pair

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
            else f"data in [{low:g}, 1] (another dataset.scaling)"
        )
        raise ValueError(f"{architecture.family} ends in {ends_in}, found data in [{data.low:g}, 1]: use {advice}")


def normalizations(architecture: ArchitectureSpec, data: DataShape, network: Network) -> set[str]:
    """The kinds of normalisation in a network."""
    result = (node for node, _ in leaves(*nodes(architecture, data, network)))
    return {str(node.kind if isinstance(node, Norm) else node.normalization) for node in result} - {"none"}


def parameters(architecture: ArchitectureSpec, data: DataShape, network: Network) -> int:
    """Number of trainable scalars of a network."""
    return parameter_count(*nodes(architecture, data, network), data.classes)


def _data(shape: Sequence[int], classes: int | None, low: float) -> DataShape:
    kinds: dict[int, Kind] = {1: "points", 2: "text", 3: "images"}
    sides = tuple(shape) if isinstance(shape, Sequence) else ()
    if len(sides) not in kinds or any(not isinstance(side, int) or side < 1 for side in sides):
        raise ValueError(
            f"found shape {shape!r}, allowed are (channels, side, side) of images, (symbols, length) of text and "
            "(coordinates,) of points"
        )
    if low not in (-1, 0):
        raise ValueError(f"found low {low!r}, allowed are -1.0 and 0.0")
    kind = kinds[len(sides)]
    return DataShape(kind, sides, classes, 0.0 if kind == "text" else low)


def _constructor(spec: type[Part]) -> "Callable[..., Pair]":
    """The function that makes pairs of a family; the fields of the family's spec are its options."""
    family = get_args(spec.model_fields["family"].annotation)[0]

    def make(shape: Sequence[int], classes: int | None = None, low: float = -1.0, seed: int = 0, **options: Any) -> "Pair":
        from wganlib.architectures.build import build_pair

        architecture: Any = parse(spec, {"family": family, **options}, family)
        try:
            if seed < 0:
                raise ValueError(f"found seed {seed}, allowed are whole numbers from 0")
            data = _data(shape, classes, low)
            check(architecture, data)
            return build_pair(architecture, data, seed)
        except ValueError as error:
            raise WganlibError(f"{family}: {str(error).removeprefix(family).lstrip()}") from None

    signature = inspect.signature(make)
    *own, _ = signature.parameters.values()
    fields = [option for name, option in inspect.signature(spec).parameters.items() if name != "family"]
    make.__signature__ = signature.replace(parameters=[*own, *fields])  # type: ignore[attr-defined]
    make.__name__ = make.__qualname__ = family
    make.__doc__ = f"""Generator and critic with initial weights drawn from `seed`. {inspect.cleandoc(spec.__doc__ or "")}

Shape, without the batch: (channels, side, side) of images, (symbols, length) of one-hot text, (coordinates,) of points.
`classes`: of labels, for conditional networks. `low`: the least value of pixels, whose largest is 1.

Raises:
    WganlibError: an unknown option, a value that is not allowed, or a shape that the family cannot make.
"""
    return make


random_set = _constructor(RandomSetSpec)
wgan = _constructor(WganSpec)
lsun64 = _constructor(Lsun64Spec)
cifar_dcgan = _constructor(CifarDcganSpec)
cifar_resnet = _constructor(CifarResnetSpec)
lsun_resnet = _constructor(LsunResnetSpec)
mnist = _constructor(MnistSpec)
language = _constructor(LanguageSpec)
toy = _constructor(ToySpec)
