"""Images in files: Tiny ImageNet, Oxford-102 flowers, and any folder."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import PIL
import torch

from wganlib.datasets.cache import decoded
from wganlib.datasets.data_root import data_root
from wganlib.datasets.dataset import Dataset, scaled
from wganlib.datasets.listing import files_below, fingerprint
from wganlib.datasets.parsers import decode, flower_labels
from wganlib.datasets.reading import Pixels, joined, missing, resize_and_crop, squash, tensor
from wganlib.datasets.spec import DatasetSpec
from wganlib.errors import WganlibError, unreadable

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
HELD_OUT = 10
"""Every tenth file of a folder, by name, is held out."""


def load_tiny_imagenet(spec: DatasetSpec) -> Dataset:
    """Training and validation images [N, 3, 64, 64] with labels in the order of wnids.txt; grey ones become RGB."""
    root = data_root() / "tiny-imagenet-200"
    advice = "unpack the official tiny-imagenet-200.zip"
    names = _lines(root / "wnids.txt", "tiny_imagenet", advice)
    number = {name: index for index, name in enumerate(names)}
    train = [(path, number[name]) for name in names for path in _in(root / "train" / name / "images", {".jpeg"})]
    listed = [line.split("\t") for line in _lines(root / "val/val_annotations.txt", "tiny_imagenet", advice)]
    unknown = next((row for row in listed if len(row) < 2 or row[1] not in number), None)
    if unknown is not None:
        raise WganlibError(
            f"{root / 'val/val_annotations.txt'}: found the line {unknown!r}, expected a file and a class of wnids.txt"
        )
    test = [(root / "val/images" / row[0], number[row[1]]) for row in listed]
    if not train:
        raise missing("tiny_imagenet", root / "train" / names[0] / "images", advice)

    def exact(picture: Any, where: Path) -> Pixels:
        if picture.size != (64, 64):
            raise WganlibError(
                f"{where}: an image of {picture.size[0]}x{picture.size[1]} pixels, expected 64x64; {advice} again"
            )
        return resize_and_crop(picture, 64)

    return _images(spec, "tiny_imagenet", root, train, test, 64, exact)


def load_flowers102(spec: DatasetSpec) -> Dataset:
    """All flowers [N, 3, S, S] squeezed to a square as Lipschitz GANs do; every tenth image is held out.

    Labels 0 to 101 come from the official imagelabels.mat, or from a labels.csv with the columns image and class (1 to 102).
    """
    assert spec.image_size is not None
    size, advice = spec.image_size, "unpack the official 102flowers.tgz into flowers102/ and put imagelabels.mat beside jpg/"
    folders = [data_root() / name for name in ("flowers102", "flowers102-64")]
    root = next((folder for folder in folders if (folder / "jpg").is_dir()), None)
    if root is None:
        raise missing("flowers102", folders[0] / "jpg", advice)
    paths = files_below(root / "jpg", {".jpg"})
    labels = _flower_labels(root, [path.name for path in paths], advice)
    pairs = list(zip(paths, labels, strict=True))
    train, test = _split(pairs)
    return _images(spec, "flowers102", root, train, test, size, lambda picture, _: squash(picture, size))


def _flower_labels(root: Path, names: list[str], advice: str) -> list[int]:
    table: dict[str, int] = {}
    if (root / "imagelabels.mat").exists():
        table = {f"image_{i:05d}.jpg": label for i, label in enumerate(flower_labels(root / "imagelabels.mat", advice), 1)}
    else:
        for line in _lines(root / "labels.csv", "flowers102", advice)[1:]:
            name, _, label = line.partition(",")
            table[Path(name).name] = int(label) if re.fullmatch("[0-9]{1,3}", label.strip()) else 0
    for name in names:
        if not 1 <= table.get(name, 0) <= 102:
            raise WganlibError(f"flowers102: {name} has the label {table.get(name, 'none')}, allowed are 1 to 102; {advice}")
    return [table[name] - 1 for name in names]


def load_image_folder(spec: DatasetSpec) -> Dataset:
    """Every image below `DATA_ROOT/<folder>` [N, 3, S, S]: shorter side resized to S, centre crop; every tenth is held out."""
    assert spec.image_size is not None
    assert spec.folder is not None
    size, root = spec.image_size, data_root() / spec.folder
    if not root.is_dir():
        raise WganlibError(f"image_folder: {root} is no folder; put images there, or set DATA_ROOT or the spec's folder")
    paths = files_below(root, SUFFIXES)
    if len(paths) < HELD_OUT:
        raise WganlibError(
            f"image_folder: {root} holds {len(paths)} images ({', '.join(sorted(SUFFIXES))}); at least {HELD_OUT} are needed"
        )
    train, test = _split([(path, 0) for path in paths])
    return _images(spec, spec.folder, root, train, test, size, lambda picture, _: resize_and_crop(picture, size))


Files = Sequence[tuple[Path, int]]


def _split(pairs: Files) -> tuple[Files, Files]:
    return [p for i, p in enumerate(pairs) if i % HELD_OUT], [p for i, p in enumerate(pairs) if i % HELD_OUT == 0]


def _in(folder: Path, suffixes: set[str]) -> list[Path]:
    """The files of a folder that may be missing."""
    return files_below(folder, suffixes) if folder.exists() else []


def _images(
    spec: DatasetSpec, name: str, root: Path, train: Files, test: Files, side: int, convert: Callable[[Any, Path], Pixels]
) -> Dataset:
    def image(path: Path) -> Pixels:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise unreadable(path, error, "unpack the data again") from None
        return convert(decode(data, str(path)), path)

    arrays, digests = [], []
    for part, files in (("train", train), ("test", test)):
        source = {"pillow": PIL.__version__, "files": fingerprint(files, root)}
        cache, images = f"{name.replace('/', '_')}-{part}-{side}", (partial(image, path) for path, _ in files)
        array, result = decoded(cache, source, len(files), (3, side, side), images)
        arrays.append(array)
        digests.append(result)
    labels = [torch.tensor([label for _, label in files], dtype=torch.int64) for files in (train, test)]
    preprocess = scaled(spec.scaling_used, spec.image_size)
    notes = {"pillow": PIL.__version__, "folder": root.name}
    return Dataset(tensor(arrays[0]), labels[0], tensor(arrays[1]), labels[1], preprocess, joined(digests), notes=notes)


def _lines(path: Path, name: str, advice: str) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except FileNotFoundError:
        raise missing(name, path, advice) from None
    except OSError as error:
        raise unreadable(path, error, advice) from None
    except UnicodeDecodeError as error:
        raise WganlibError(f"{path}: not readable as text ({error}); {advice}") from None
