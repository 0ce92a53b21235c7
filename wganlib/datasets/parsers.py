"""Every foreign parser that data pass through, fenced: whatever it raises becomes one line that names the file.

Read are JPEG, PNG, WebP and BMP images (Pillow), gzip files, the flowers' MAT file (scipy), LMDB databases. A parser
that damaged bytes can bring down is kept from them: the MAT file's checksum is compared first, a database is read by a process
of its own, where a signal ends that alone.
"""

import hashlib
import io
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from wganlib.datasets.inspection import inspection
from wganlib.datasets.sources import FLOWERS102
from wganlib.errors import WganlibError, fenced

FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
"""The image formats that are read; others, of which some let Pillow start programs, are refused by name."""

OTHERS = {
    b"GIF8": "GIF", b"II*\0": "TIFF", b"MM\0*": "TIFF", b"%!PS": "PostScript", b"%PDF": "PDF", b"<!DO": "a web page",
    b"<htm": "a web page", b"<?xm": "XML", b"\0\0\1\0": "an icon", b"PK\3\4": "a zip file",
}  # fmt: skip
"""What files of other kinds begin with, for messages."""

LABELS_MD5 = str(FLOWERS102[1].checksum).removeprefix("md5:")
"""Of the flowers' imagelabels.mat."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
ORIENTATION = 0x0112
"""The EXIF tag of how a camera was held; 1 is upright."""


def decode(data: bytes, where: str) -> Any:
    """An image in RGB, upright, of 8 bits a channel.

    Of 16 bits the upper 8 are kept, an image with an EXIF orientation is turned, transparency is left out.

    Raises:
        WganlibError: the bytes are no image of the formats that are read.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    advice = "replace or remove the file"
    with fenced(where, "an image that can be read", advice):
        try:
            picture: Any = Image.open(io.BytesIO(data), formats=FORMATS)
        except UnidentifiedImageError:
            kind = OTHERS.get(data[:4], "another kind of file") if data else "an empty file"
            raise WganlibError(
                f"{where}: not an image that can be read (found {kind}, allowed are {', '.join(FORMATS)}); {advice}"
            ) from None
        with picture:
            changes = []
            if data[:8] == PNG_SIGNATURE and data[24] == 16:
                changes.append("16 bits a channel, of which the upper 8 are kept")
            if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
                changes.append("transparency is left out")
            if getattr(picture, "n_frames", 1) > 1:
                changes.append("of several frames the first")
            if _orientation(picture) in range(2, 9):
                changes.append("turned upright by its EXIF orientation")
                picture = ImageOps.exif_transpose(picture)
            if picture.mode.startswith("I"):
                picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
            result = picture.convert("RGB")
    if (found := inspection()) is not None:
        for what in changes:
            found.note(what, where)
    return result


def _orientation(picture: Any) -> Any:
    """The EXIF orientation; none where the block is damaged, which does not spoil the image."""
    try:
        return picture.getexif().get(ORIENTATION)
    except Exception:
        return None


def gunzip(path: Path, advice: str) -> bytes:
    """The content of a gzip file, or of a file that is none by its name.

    Raises:
        WganlibError: it is damaged or may not be read.
    """
    import gzip

    with fenced(path, "a whole gzip file", advice):
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix == ".gz" else data


def flower_labels(path: Path, advice: str) -> list[int]:
    """The labels 1 to 102 of the official imagelabels.mat, in the order of the images' numbers.

    Raises:
        WganlibError: the file is another one.
    """
    from scipy.io import loadmat

    with fenced(path, "the official labels", advice):
        data = path.read_bytes()
        if (found := hashlib.md5(data, usedforsecurity=False).hexdigest()) != LABELS_MD5:
            raise WganlibError(f"{path}: not the official labels (md5 {found}, expected {LABELS_MD5}); {advice}")
        return [int(label) for label in loadmat(io.BytesIO(data))["labels"].ravel()]


def lmdb_entries(path: Path, advice: str, count_alone: bool = False) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of an LMDB database in the order of the keys; `count_alone`: one pair, their number as text and nothing.

    Raises:
        WganlibError: it is no database, cut short or damaged, also where the reader dies of it.
    """
    command = [sys.executable, "-I", str(Path(__file__).with_name("lmdb_reader.py")), str(path), str(int(count_alone))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        assert reader.stderr is not None
        try:
            yield from _pairs(reader.stdout)
            text = reader.stderr.read().decode(errors="replace").strip().rpartition("\n")[2]
        except BaseException:
            # Whoever asked has had enough.
            reader.kill()
            raise
    if reader.returncode < 0:
        text = f"its reader died of {signal.Signals(-reader.returncode).name}"
    if reader.returncode:
        raise WganlibError(f"{path}: not a whole LMDB database ({text}); {advice}")


def _pairs(stream: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    while len(head := stream.read(8)) == 8:
        sizes = struct.unpack("<II", head)
        key, value = (stream.read(size) for size in sizes)
        if (len(key), len(value)) != sizes:
            return
        yield key, value
