"""Pictures of samples: what stands where in them, compared pixel by pixel with samples made here."""

import io
import json

import numpy as np
import pytest
import torch
from conftest import make_data, make_spec, wganlib
from PIL import Image, ImageDraw, ImageFont
from test_architectures import CONSTRAINTS, small_spec
from test_judges import HUGE, how, text_spec, trained_run
from torch import nn

from wganlib.datasets import DataShape
from wganlib.datasets.spec import DatasetSpec
from wganlib.datasets.text import decode_lines
from wganlib.errors import WganlibError
from wganlib.files import read_json
from wganlib.scoring import scorer as scoring
from wganlib.scoring import sheets
from wganlib.spec.scoring import ClassifierSpec
from wganlib.streams import stream
from wganlib.training import member, runs
from wganlib.training.generated_samples import sample, sample_with_classes
from wganlib.training.networks import build_generator

GREY = DataShape("images", (1, 4, 4))


def pixels(content):
    return np.asarray(Image.open(io.BytesIO(content) if isinstance(content, bytes) else content))


def tiles(picture, side):
    """The tiles of a sheet by row and column, after checking the borders between them."""
    rows, columns = (picture.shape[0] + 1) // (side + 1), (picture.shape[1] + 1) // (side + 1)
    assert picture.shape[:2] == (rows * (side + 1) - 1, columns * (side + 1) - 1)
    assert (picture[side :: side + 1] == 255).all()
    assert (picture[:, side :: side + 1] == 255).all()
    step = side + 1
    return [[picture[r * step : r * step + side, c * step : c * step + side] for c in range(columns)] for r in range(rows)]


def grey(images, low=-1.0):
    """Grey levels of images [n, 1, S, S] in [low, 1] by the formula in float64."""
    return np.rint((images[:, 0].double().numpy() - low) / (1 - low) * 255)


def letters(picture):
    """A text sheet as the places and shapes of its letters, which Pillow's font draws again one by one."""
    font = ImageFont.load_default_imagefont()
    table = {}
    for code in range(32, 127):
        cell = Image.new("L", (18, 11), 255)
        ImageDraw.Draw(cell).text((0, 0), f" {chr(code)} ", fill=0, font=font)
        table[np.asarray(cell)[:, 5:13].tobytes()] = chr(code)
    assert len(table) == 95
    half = picture[::2, ::2][3:-3, 3:-3]
    cells = half.reshape(half.shape[0] // 11, 11, half.shape[1] // 8, 8).swapaxes(1, 2)
    return ["".join(table[np.ascontiguousarray(cell).tobytes()] for cell in row).rstrip() for row in cells]


@pytest.mark.parametrize("low", [-1.0, 0.0])
def test_images_stand_row_by_row_and_their_whole_range_is_shown(low):
    images = low + (1 - low) * torch.rand(8, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    images[0, 0, 0, :2] = torch.tensor([low, 1.0])
    shape = DataShape("images", (1, 4, 4), low=low)
    found = tiles(pixels(sheets.sheet([images[:5], images[5:]], shape, 2, 3)), 4)
    assert [len(row) for row in found] == [3, 3]
    for index in range(6):
        assert np.abs(found[index // 3][index % 3] - grey(images, low)[index]).max() <= 1
    assert found[0][0][0, :2].tolist() == [0, 255]
    broken = images.clone()
    broken[1] = torch.nan
    assert (tiles(pixels(sheets.sheet([broken], shape, 2, 3)), 4)[0][1] == 0).all()


def test_colours_and_points_become_pictures():
    red = torch.full((1, 3, 4, 4), -1.0)
    red[:, 0] = 1.0
    assert (pixels(sheets.sheet([red], DataShape("images", (3, 4, 4)), 1, 1)) == [255, 0, 0]).all()
    for points in (torch.tensor([[3.0, 0.0]]), torch.tensor([[3.0]])):
        dark = np.argwhere(pixels(sheets.sheet([points], DataShape("points", (points.shape[1],)), 6, 10)) == 0)
        assert dark.mean(axis=0) == pytest.approx([127.5, 254], abs=2)
    above = sheets.progress([("0", torch.tensor([[0.0, 3.0]])), ("9", torch.tensor([[-3.0, 0.0]]))], DataShape("points", (2,)))
    first, second = tiles(pixels(above), 256)[0]
    assert np.argwhere(first == 0).mean(axis=0) == pytest.approx([1, 127.5], abs=2)
    assert np.argwhere(second == 0).mean(axis=0) == pytest.approx([127.5, 1], abs=2)


def test_text_can_be_read_from_its_picture():
    lines = ["The quick brown", "fox (2 + 2 = 4)!", "", "tab\tbell\x07é\ufffd"]
    assert letters(pixels(sheets.written(lines))) == [*lines[:3], "tab?bell???"]
    picture = pixels(sheets.written(lines))
    assert set(np.unique(picture).tolist()) == {0, 255}
    assert (picture == 255).mean() > 0.7


def test_bytes_that_are_no_text_become_lines_that_json_can_hold():
    symbols = b"a\xc3\xa9\x00"
    codes = torch.tensor([[1, 2, 3, 1], [2, 1, 4, 0]])
    one_hot = torch.nn.functional.one_hot(codes, 5).transpose(1, 2).float()
    lines = sheets.read(one_hot, symbols)
    assert lines == ["a\u00e9a", "\ufffda\x00?"]
    assert json.loads(json.dumps(lines, allow_nan=False)) == lines
    assert letters(pixels(sheets.written(lines))) == ["a?a", "?a??"]
    assert sheets.read(torch.full((1, 5, 4), torch.nan), symbols)[0]


def test_progress_shows_one_noise_through_generators_of_whole_batches(tmp_path):
    """The generator has batch norm: rows of ten alone would have other statistics."""
    spec, folder = trained_run(tmp_path, snapshots=(1,))
    assert any("batch" in type(module).__name__.lower() for module in build_generator(spec, stream(0, "init")).modules())
    scoring.make_classifier(ClassifierSpec(dataset=spec.dataset, epochs=1, seed=0), how(), tmp_path / "c")
    scoring.score_run(spec, how(), folder, tmp_path / "c")
    found = tiles(pixels(folder / "progress.png"), 16)
    assert [len(row) for row in found] == [10, 10, 10]
    generators = [
        build_generator(spec, stream(spec.seed, "init")).eval(),
        runs.load_generator(folder, spec, "snapshots/1.safetensors"),
        runs.load_generator(folder, spec),
    ]
    for row, generator in zip(found, generators, strict=True):
        noise = torch.randn((30, spec.architecture.latent_size), generator=stream(spec.seed, "scoring"))
        with torch.no_grad():
            expected = grey(generator(noise, None)[:10])
        assert max(np.abs(tile - image).max() for tile, image in zip(row, expected, strict=True)) <= 1
    assert not np.array_equal(found[0][0], found[2][0])
    # The sheet begins with the same samples.
    assert np.array_equal(tiles(pixels(folder / "samples.png"), 16)[0], found[2])


def test_a_diverged_run_shows_the_rows_that_it_has(tmp_path):
    huge = {"method.generator_optimizer": HUGE, "method.critic_optimizer": HUGE, "generator_iterations": 6, "log_every": 2}
    spec, folder = trained_run(tmp_path, snapshots=(1, 6), **huge)
    scoring.make_classifier(ClassifierSpec(dataset=spec.dataset, epochs=1, seed=0), how(), tmp_path / "c")
    scoring.score_run(spec, how(), folder, tmp_path / "c")
    assert len(tiles(pixels(folder / "progress.png"), 16)) == 3  # untrained, the snapshot at 1, the end


def test_text_runs_show_lines(tmp_path):
    spec = text_spec(snapshots=[2])
    runs.train(spec, tmp_path, device="cpu")
    folder = tmp_path / "runs" / spec.key
    scoring.score_run(spec, how(network="none", measures=("ngrams",)), folder, None)
    lines = read_json(folder / "scores.json")["lines"]
    symbols = bytes.fromhex(read_json(folder / "provenance.json")["symbols"])
    made = sample(runs.load_generator(folder, spec), spec, 64, 30, stream(spec.seed, "scoring"))
    assert lines == [line.decode("ascii", "replace") for line in decode_lines(torch.cat(list(made)), symbols)]
    assert len(lines) == 64
    assert letters(pixels(folder / "samples.png")) == [line.replace("\ufffd", "?").rstrip() for line in lines[:30]]
    shown = letters(pixels(folder / "progress.png"))
    assert [line.split()[0] for line in shown] == ["0"] * 3 + ["2"] * 3 + ["3"] * 3
    assert [line[3:] for line in shown[-3:]] == [line.replace("\ufffd", "?").rstrip() for line in lines[:3]]
    assert shown[0][3:] != shown[3][3:]
    done = wganlib(tmp_path, "sample", str(folder), "--rows", "4", "--columns", "2", "--out", "lines.png")
    assert done.returncode == 0, done.stderr
    assert len(letters(pixels(tmp_path / "lines.png"))) == 8
    known = read_json(folder / "provenance.json")
    del known["symbols"]
    (folder / "provenance.json").write_text(json.dumps(known))
    with pytest.raises(WganlibError, match="the text's symbols are missing; train the run again"):
        sheets.symbols_of(folder, spec)


class ByClass(nn.Module):
    """Stands for a conditional generator: every pixel of an image tells its class."""

    def forward(self, noise, labels):
        return (labels / 50 - 1)[:, None, None, None].expand(-1, 3, 4, 4)


@pytest.mark.parametrize(("data", "classes"), [("cifar10", 10), ("tiny_imagenet", 200)])
def test_the_columns_of_a_conditional_generator_are_classes(data, classes):
    spec = small_spec("cifar_resnet conditional", CONSTRAINTS["two_sided"])
    spec = spec.model_copy(update={"dataset": DatasetSpec(name=data, image_size=16)})
    assert spec.dataset.shape.classes == classes
    found = tiles(pixels(scoring._sheet(spec, how(batch_size=25), ByClass(), b"")), 4)
    assert len(found) == 6
    expected = [round(label / 50 * 127.5) for label in range(10)]
    assert [[int(tile.mean()) for tile in row] for row in found] == [expected] * 6
    assert sheets.class_columns(spec, 1, 12).tolist() == [*range(10), *([0, 1] if classes == 10 else [10, 11])]
    assert sheets.class_columns(make_spec(), 6, 10) is None


def test_samples_come_with_the_classes_that_were_asked_for():
    spec = small_spec("cifar_resnet conditional", CONSTRAINTS["two_sided"])
    batches = list(sample_with_classes(ByClass(), spec, 70, 30, stream(0, "scoring")))
    told = torch.cat([(images[:, 0, 0, 0] + 1) * 50 for images, _ in batches])
    asked = torch.cat([classes for _, classes in batches])
    assert [len(images) for images, _ in batches] == [30, 30, 10]
    assert told.round().long().tolist() == asked.tolist()
    assert set(asked.tolist()) == set(range(10))
    # The same images as without their classes.
    alone = torch.cat(list(sample(ByClass(), spec, 70, 30, stream(0, "scoring"))))
    assert torch.equal(alone, torch.cat([images for images, _ in batches]))


def test_a_conditional_run_is_sampled_by_classes(tmp_path, monkeypatch):
    spec = small_spec("cifar_resnet conditional", CONSTRAINTS["two_sided"])
    monkeypatch.setattr(member, "load", lambda _: make_data(spec.dataset))
    runs.train(spec, tmp_path, device="cpu")
    folder = tmp_path / "runs" / spec.key
    generator = runs.load_generator(folder, spec)
    generators = scoring.Generators(generator, {}, generator)
    rows = tiles(pixels(scoring._progress(spec, how(), generators, b"")), 16)
    labels = torch.arange(10)
    expected = torch.cat(list(sample(generator, spec, 10, 30, stream(spec.seed, "scoring"), labels)))
    levels = ((expected + 1) * 127.5).round().permute(0, 2, 3, 1).numpy()
    for row in rows:
        assert max(np.abs(tile - image).max() for tile, image in zip(row, levels, strict=True)) <= 1
    done = wganlib(tmp_path, "sample", str(folder), "--rows", "2", "--columns", "3")
    assert done.returncode == 0, done.stderr
    drawn = tiles(pixels(tmp_path / "samples.png"), 16)
    made = sample(generator, spec, 6, 100, stream(0, "scoring"), torch.tensor([0, 1, 2] * 2))
    levels = ((torch.cat(list(made)) + 1) * 127.5).round().permute(0, 2, 3, 1).numpy()
    assert max(np.abs(drawn[i // 3][i % 3] - levels[i]).max() for i in range(6)) <= 1
