"""The descriptions of data sets that scikit-learn carries: fourteen short English documents, 37 kB of running text.

Source: sklearn/datasets/descr/*.rst of scikit-learn 1.9.1 (BSD 3-clause).
"""

import hashlib
import re

import numpy as np
from numpy.typing import NDArray

from wganlib.datasets.dataset import Dataset
from wganlib.datasets.reading import package_folder
from wganlib.datasets.spec import DatasetSpec
from wganlib.datasets.text import encoded
from wganlib.errors import WganlibError

SHA256 = "7bd6e350159f21ab7ba4bc10b941df7d62069ee3ac60d59f66d08af22918e2bb"
"""Of each document's name, its number of bytes and its bytes, in the order of names."""

HELD_OUT_EVERY = 5
"""The first document by name and every fifth after it are held out: 22 % of the bytes."""

MARKUP = re.compile(r"\s*\.\. (?!\[).*|[-=~^*\"+|\s]*")
"""Lines without running text: directives and link targets (not footnotes), rulers, empty lines."""


def load_sklearn_texts(spec: DatasetSpec) -> Dataset:
    """Windows of running text as symbols [N, length]: one begins at each word, and none goes beyond its document.

    Whole documents are held out, so that no held-out line overlaps a training line. See `encoded`.

    Raises:
        WganlibError: the installed scikit-learn carries other texts, or no document is as long as `length`.
    """
    assert spec.length is not None
    texts = [running(document) for document in documents()]
    parts = [[text for i, text in enumerate(texts) if (i % HELD_OUT_EVERY == 0) is held_out] for held_out in (False, True)]
    longest = min(max(map(len, part)) for part in parts)
    if spec.length > longest:
        raise WganlibError(f"sklearn_texts: length: found {spec.length}, the documents allow up to {longest} bytes")
    train, test = (np.concatenate([windows(text, spec.length) for text in part]) for part in parts)
    return encoded(train, test, spec)


def documents() -> list[bytes]:
    """The documents as they are in scikit-learn, in the order of their names.

    Raises:
        WganlibError: they are not those of the locked version.
    """
    folder = package_folder("sklearn") / "datasets/descr"
    result = {item.name: item.read_bytes() for item in folder.iterdir() if item.name.endswith(".rst")}
    ordered = [result[name] for name in sorted(result)]
    parts = (b"%s %d\n%s" % (name.encode(), len(result[name]), result[name]) for name in sorted(result))
    sha256 = hashlib.sha256(b"".join(parts)).hexdigest()
    if sha256 != SHA256:
        raise WganlibError(
            f"sklearn_texts: scikit-learn's descriptions have sha256 {sha256}, expected {SHA256}; install the locked version"
        )
    return ordered


def running(document: bytes) -> bytes:
    """A document's words with one blank between them, lines of pure markup left out.

    >>> running(b".. _label:\\n\\nA title\\n=======\\n\\n  Two\\n  words [1]_.\\n.. [1] A note\\n")
    b'A title Two words [1]_. .. [1] A note'
    """
    lines = document.decode("utf-8").splitlines()
    return " ".join(word for line in lines if not MARKUP.fullmatch(line) for word in line.split()).encode()


def windows(text: bytes, length: int) -> NDArray[np.uint8]:
    """The `length` bytes from the beginning of each word on, [N, length], as far as they lie within the text.

    >>> [bytes(row) for row in windows(b"to be or", 4)]
    [b'to b', b'be o']
    """
    content = np.frombuffer(text, dtype=np.uint8)
    starts = np.concatenate([[0], np.flatnonzero(content == ord(" ")) + 1])
    starts = starts[starts + length <= len(content)]
    chosen: NDArray[np.uint8] = content[starts[:, None] + np.arange(length)]
    return chosen
