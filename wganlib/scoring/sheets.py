"""Pictures of generated examples: a sheet of one generator's, and the moments of a training below each other."""

import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from wganlib.datasets import DataShape
from wganlib.datasets.text import decode_lines
from wganlib.errors import WganlibError
from wganlib.files import read_json
from wganlib.spec.run import Spec

LETTER = 8, 11
"""Pixels of a place for a letter of Pillow's own bitmap font, which is the same everywhere; all are shown twice as large."""

MARGIN = 3

MOMENT = {"images": 10, "text": 3, "points": 60}
"""Examples that stand for one moment of a training."""


def sheet(batches: Iterable[Tensor], data: DataShape, rows: int, columns: int, symbols: bytes = b"") -> bytes:
    """The first rows x columns generated examples [n, ...] as one PNG: images row by row, points [n, D] as a scatter plot.

    Text [n, V, L] becomes that many lines, one below the other; `symbols` is its vocabulary.
    """
    examples = torch.cat(list(batches))[: rows * columns]
    if data.kind == "text":
        return written(read(examples, symbols))
    if data.kind == "points":
        return tiled(scatter(examples), 1)
    return tiled(examples, columns, data.low)


def progress(moments: Sequence[tuple[str, Tensor]], data: DataShape, symbols: bytes = b"") -> bytes:
    """Named moments of a training with equally many examples of each, as one PNG.

    Images are a row a moment, points a plot a moment from left to right, text lines that begin with the moment's name.
    """
    if data.kind == "text":
        width = max(len(name) for name, _ in moments)
        return written([f"{name:>{width}}  {line}" for name, examples in moments for line in read(examples, symbols)])
    if data.kind == "points":
        return tiled(torch.cat([scatter(examples) for _, examples in moments]), len(moments))
    return tiled(torch.cat([examples for _, examples in moments]), len(moments[0][1]), data.low)


def class_columns(spec: Spec, rows: int, columns: int) -> Tensor | None:
    """Labels [rows * columns] with which column k of a sheet holds class k; None for an unconditional generator.

    Of more classes than columns the first ones are shown; fewer classes begin anew.
    """
    if spec.method.auxiliary is None:
        return None
    return torch.arange(columns).remainder(spec.dataset.shape.classes or 1).repeat(rows)


def symbols_of(folder: Path, spec: Spec) -> bytes:
    """The vocabulary of a trained run's text, which its provenance records; empty for other data.

    Raises:
        WganlibError: the provenance is missing or damaged.
    """
    if spec.dataset.shape.kind != "text":
        return b""
    try:
        return bytes.fromhex(read_json(folder / "provenance.json")["symbols"])
    except (KeyError, TypeError, ValueError):
        raise WganlibError(f"{folder / 'provenance.json'}: the text's symbols are missing; train the run again") from None


def read(examples: Tensor, symbols: bytes) -> list[str]:
    """Lines of generated text [n, V, L]; bytes that are no UTF-8 become the replacement character."""
    return [line.decode("utf-8", errors="replace") for line in decode_lines(examples, symbols)]


def tiled(tiles: Tensor, columns: int, low: float = -1.0) -> bytes:
    """Images [n, C, H, W] in [low, 1] as one PNG, row by row, a one-pixel border between them; `low` where not a number."""
    tiles = torch.nan_to_num(tiles, nan=low).clamp(low, 1)
    pixels = ((tiles - low) * (255 / (1 - low))).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    count, height, width, channels = pixels.shape
    rows = -(-count // columns)
    canvas = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1, channels), 255, dtype=np.uint8)
    for index, tile in enumerate(pixels):
        top, left = (index // columns) * (height + 1), (index % columns) * (width + 1)
        canvas[top : top + height, left : left + width] = tile
    return _png(Image.fromarray(canvas.squeeze(-1) if channels == 1 else canvas))


def written(lines: Sequence[str]) -> bytes:
    """Lines of text as a PNG, black on white; characters that are not printable ASCII are shown as `?`."""
    shown = [re.sub(r"[^ -~]", "?", line) for line in lines]
    width, height = LETTER
    size = max(map(len, shown)) * width + 2 * MARGIN, len(shown) * height + 2 * MARGIN
    canvas = Image.new("L", size, 255)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default_imagefont()
    for row, line in enumerate(shown):
        for column, letter in enumerate(line):
            # The font advances by six pixels; wide letters reach beyond on both sides, where blanks keep them whole.
            draw.text((MARGIN + column * width - 5, MARGIN + row * height), f" {letter} ", fill=0, font=font)
    return _png(canvas.resize((2 * size[0], 2 * size[1]), Image.Resampling.NEAREST))


def scatter(points: Tensor, side: int = 256, limit: float = 3.0) -> Tensor:
    """Points [n, D] in [-limit, limit]^2 as dark dots on a light image [1, 1, side, side] in [-1, 1], the second axis upwards.

    The second coordinate of points on a line is zero; further ones are left out.
    """
    image = torch.ones(side, side)
    plane = F.pad(torch.nan_to_num(points), (0, 1))[:, :2]
    places = ((plane + limit) / (2 * limit) * (side - 3)).round().clamp(0, side - 3).long()
    for x, y in places.tolist():
        image[side - 3 - y : side - y, x : x + 3] = -1.0
    return image[None, None]


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()
