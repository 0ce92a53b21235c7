"""Lines of text as characters: the Billion Word corpus (Chelba et al. 2013), and any folder of text files."""

from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wganlib.datasets.data_root import data_root
from wganlib.datasets.dataset import Dataset
from wganlib.datasets.listing import files_below
from wganlib.datasets.reading import digest, missing, tensor
from wganlib.datasets.spec import DatasetSpec
from wganlib.errors import WganlibError, unreadable

PAD = b"`"
"""Official code's padding, which also occurs as a character of tokenised quotes."""

LIMIT = 10_000_000
"""Lines read (Gulrajani et al. 2017, official code)."""

UNKNOWN = 0
"""The symbol of every byte outside of the vocabulary."""

OFFICIAL = "1-billion-word-language-modeling-benchmark-r13output"


def load_billion_word(spec: DatasetSpec) -> Dataset:
    """The lines of 99 of the corpus' training files, and of its first held-out file, as `encoded` gives them."""
    root = data_root() / OFFICIAL
    train = sorted((root / "training-monolingual.tokenized.shuffled").glob("news.en-000[0-9][0-9]-of-00100"))
    test = sorted((root / "heldout-monolingual.tokenized.shuffled").glob("news.en.heldout-*"))[:1]
    train = [path for path in train if "-00000-" not in path.name]
    if not train or not test:
        raise missing("billion_word", root, f"unpack the official {OFFICIAL}.tar.gz")
    return _read(train, test, spec)


def load_text_folder(spec: DatasetSpec) -> Dataset:
    """The lines of all `.txt` files of `DATA_ROOT/<folder>`, by name, the last one held out, as `encoded` gives them."""
    root = data_root() / str(spec.folder)
    if not root.is_dir():
        raise WganlibError(f"text_folder: {root} is no folder; put .txt files there, or set DATA_ROOT or the spec's folder")
    files = [path for path in files_below(root, {".txt"}) if path.parent == root]
    if len(files) < 2:
        raise WganlibError(f"text_folder: {root} holds {len(files)} .txt files; at least 2 are needed, the last is held out")
    return _read(files[:-1], files[-1:], spec)


def _read(train: list[Path], test: list[Path], spec: DatasetSpec) -> Dataset:
    assert spec.length is not None
    return encoded(read_lines(train, spec.length), read_lines(test, spec.length), spec)


def encoded(train: NDArray[np.uint8], test: NDArray[np.uint8], spec: DatasetSpec) -> Dataset:
    """Lines given as bytes [N, length], as symbols [N, length]; `preprocess` makes them one-hot [n, vocabulary_size, length].

    Lines are cut to the length and padded with back-quotes; symbol 0 is unknown, the others are the bytes of the training
    lines from the most frequent on (ties by value). `notes["symbols"]` lists them in hexadecimal.
    """
    assert spec.vocabulary_size is not None
    symbols = vocabulary(train, spec.vocabulary_size)
    parts = [encode(lines, symbols) for lines in (train, test)]
    size = spec.vocabulary_size

    def one_hot(raw: Tensor, stream: torch.Generator) -> Tensor:
        return torch.nn.functional.one_hot(raw.long(), size).transpose(1, 2).float()

    labels = [torch.zeros(len(part), dtype=torch.int64) for part in parts]
    notes = {"symbols": symbols.hex()}
    return Dataset(tensor(parts[0]), labels[0], tensor(parts[1]), labels[1], one_hot, digest(*parts), notes=notes)


def read_lines(paths: list[Path], length: int) -> NDArray[np.uint8]:
    """Bytes [N, length] of the files' lines, cut and padded, at most ten million.

    Raises:
        WganlibError: a file cannot be read or holds no line.
    """
    rows: list[bytes] = []
    for path in paths:
        try:
            with path.open("rb") as stream:
                lines = (line.rstrip(b"\r\n") for line in stream)
                rows += [line[:length].ljust(length, PAD) for line in islice(lines, LIMIT - len(rows))]
        except OSError as error:
            raise unreadable(path, error, "unpack the data again") from None
    if not rows:
        raise WganlibError(f"{paths[0].parent}: holds no line of text; unpack the data again")
    return np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(-1, length)


def vocabulary(lines: NDArray[np.uint8], size: int) -> bytes:
    """The `size` - 1 most frequent bytes, as many as there are, ties by value."""
    counts = Counter(dict(enumerate(np.bincount(lines.ravel(), minlength=256).tolist())))
    ranked = sorted((byte for byte, count in counts.items() if count), key=lambda byte: (-counts[byte], byte))
    return bytes(ranked[: size - 1])


def encode(lines: NDArray[np.uint8], symbols: bytes) -> NDArray[np.int16]:
    """Symbols [N, length] of bytes [N, length]: 1 + the place in `symbols`, 0 for others."""
    table = np.full(256, UNKNOWN, dtype=np.int16)
    table[list(symbols)] = np.arange(1, len(symbols) + 1)
    encoded: NDArray[np.int16] = table[lines]
    return encoded


def decode_lines(one_hot: Tensor, symbols: bytes) -> list[bytes]:
    """Lines of generated text [N, vocabulary_size, length] by the largest entry at each place; unknown is `?`."""
    names = [b"?", *(bytes([byte]) for byte in symbols)]
    names += [b"?"] * (one_hot.shape[1] - len(names))
    return [b"".join(names[i] for i in row) for row in one_hot.argmax(dim=1).tolist()]
