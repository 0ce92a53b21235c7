"""Data sets read from small files in their official formats, and from real ones where DATA_ROOT has them."""

import json
import os

import numpy as np
import official
import pytest
import torch
from conftest import BIN, make_spec, wganlib
from PIL import Image
from scipy import stats

from wganlib.datasets import DATASETS, parsers, text
from wganlib.datasets.data_root import data_root, there
from wganlib.datasets.dataset import scaled
from wganlib.datasets.loading import load
from wganlib.datasets.spec import DatasetSpec
from wganlib.errors import WganlibError
from wganlib.training import runs

USUAL = {"images": {"image_size": 32}, "points": {}, "text": {"length": 8, "vocabulary_size": 6}}
SPECS = {name: USUAL[row.kind] for name, row in DATASETS.items()} | {
    "digits": {"image_size": 16},
    "digits_pairs": {"image_size": 16},
    "mnist": {"image_size": 28},
    "parallel_lines": {"offset": 0.5},
    "image_folder": {"image_size": 32, "folder": "photos"},
    "sklearn_texts": {"length": 16, "vocabulary_size": 40},
    "text_folder": {"length": 4, "vocabulary_size": 5, "folder": "lines"},
}
WRITTEN = [name for name in SPECS if hasattr(official, name)]


def spec_of(name, **changes):
    return DatasetSpec.model_validate({"name": name} | SPECS[name] | changes)


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_ROOT", str(tmp_path))
    monkeypatch.setattr(parsers, "LABELS_MD5", parsers.LABELS_MD5)  # flowers written by a test have another
    return tmp_path


@pytest.mark.parametrize("name", SPECS)
def test_batches_have_the_spec_s_shape_and_range_and_labels_their_classes(name, root):
    if name in WRITTEN:
        getattr(official, name)(root)
    spec = spec_of(name)
    data = load(spec)
    kind, shape, classes, low, fakes = spec.shape
    rows = torch.arange(min(4, len(data.train)))
    batch = data.preprocess(data.train[rows], torch.Generator().manual_seed(0))
    assert batch.shape == (len(rows), *shape)
    assert batch.dtype == torch.float32
    if kind != "points":
        assert low <= float(batch.min()) <= float(batch.max()) <= 1
    for examples, labels in ((data.train, data.train_labels), (data.test, data.test_labels)):
        assert len(examples) == len(labels) > 0
        assert labels.dtype == torch.int64
        assert 0 <= int(labels.min()) <= int(labels.max()) < (classes or 1)
    assert (data.fakes is not None) is fakes
    if data.fakes:
        assert data.fakes(5, torch.Generator().manual_seed(0)).shape == (5, *shape)
    assert len(data.sha256) == 64
    assert load(spec).sha256 == data.sha256


@pytest.mark.parametrize("suffix", [".gz", ""])
def test_mnist_keeps_pixels_and_labels(root, suffix):
    made = official.mnist(root, suffix)
    data = load(spec_of("mnist"))
    np.testing.assert_array_equal(data.train[:, 0].numpy(), made["train"][0][:16])
    np.testing.assert_array_equal(data.test[:, 0].numpy(), made["train"][0][16:])
    np.testing.assert_array_equal(data.test_labels.numpy(), made["train"][1][16:])
    batch = data.preprocess(data.train[:3], torch.Generator())
    np.testing.assert_allclose(batch[:, 0].numpy(), made["train"][0][:3] / 255, atol=1e-6)


def test_cifar10_keeps_the_order_of_files_records_and_planes(root):
    records = official.cifar10(root)
    data = load(spec_of("cifar10"))
    assert data.train_labels.tolist() == list(range(10)) * 5
    flat = records[:5].reshape(50, 3073)
    np.testing.assert_array_equal(data.train[17, 2, 5].numpy(), flat[17, 1 + 2 * 1024 + 5 * 32 :][:32])
    np.testing.assert_array_equal(data.test.numpy().reshape(10, -1), records[5][:, 1:])


def test_imagenet32_labels_count_from_zero(root):
    last = official.imagenet32(root)
    data = load(spec_of("imagenet32"))
    assert data.train_labels.tolist() == [0, 1, 998, 999] * 10
    np.testing.assert_array_equal(data.test.numpy().reshape(4, -1), last)


def test_lsun_is_read_in_the_order_of_its_keys_resized_and_cropped(root):
    made = official.lsun_bedrooms(root)["train"]
    data = load(spec_of("lsun_bedrooms"))
    for row, key in enumerate(sorted(made)):
        image = parsers.decode(made[key], "")
        assert image.size[0] < image.size[1]  # 40 to 45 by 50: the width becomes 32, rows are cut
        resized = image.resize((32, round(50 * 32 / image.size[0])), Image.Resampling.BILINEAR)
        top = (resized.size[1] - 32) // 2
        expected = np.asarray(resized)[top : top + 32].transpose(2, 0, 1)
        np.testing.assert_array_equal(data.train[row].numpy(), expected)
    assert data.notes["pillow"]


def test_tiny_imagenet_reads_grey_images_and_averages_two_by_two(root):
    official.tiny_imagenet(root)
    data = load(spec_of("tiny_imagenet", scaling="128"))
    assert data.train.shape == (6, 3, 64, 64)
    assert data.train_labels.tolist() == [0, 0, 0, 1, 1, 1]  # the order of wnids.txt
    assert data.test_labels.tolist() == [1, 0]
    assert torch.equal(data.train[0, 0], data.train[0, 2])
    v = data.train[1].numpy().astype(np.float64)
    averaged = (v[:, ::2, ::2] + v[:, 1::2, ::2] + v[:, ::2, 1::2] + v[:, 1::2, 1::2]) / 4
    batch = data.preprocess(data.train[1:2], torch.Generator())
    np.testing.assert_allclose(batch[0].numpy(), (averaged - 127.5) / 128, atol=1e-6)
    whole = load(spec_of("tiny_imagenet", image_size=64))
    assert whole.preprocess(whole.train[:1], torch.Generator()).shape == (1, 3, 64, 64)


@pytest.mark.parametrize("is_official", [True, False])
def test_flowers_are_squeezed_and_labelled(root, is_official):
    labels = official.flowers102(root, is_official)
    data = load(spec_of("flowers102"))
    assert data.test_labels.tolist() == [labels[0] - 1, labels[10] - 1]
    assert data.train_labels.tolist() == [v - 1 for i, v in enumerate(labels) if i % 10]
    folder = root / ("flowers102" if is_official else "flowers102-64")
    first = Image.open(folder / "jpg/image_00002.jpg").resize((32, 32), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(data.train[0].numpy(), np.asarray(first).transpose(2, 0, 1))


def test_text_is_cut_padded_and_encoded_by_frequency(root):
    official.billion_word(root)
    data = load(spec_of("billion_word"))
    # Files in order, the zeroth left out; the pad is the most frequent symbol, then a, then space and b (ties by value).
    lines = [b"aab \xc3\xa9b`", b"longer t", b"caa`````", b"caa`````"]
    counts = {byte: b"".join(lines).count(bytes([byte])) for byte in set(b"".join(lines))}
    expected = bytes(sorted(counts, key=lambda byte: (-counts[byte], byte))[:5])
    assert bytes.fromhex(data.notes["symbols"]) == expected
    assert expected[:2] == b"`a"
    decoded = [b"".join(b"?" if s == 0 else expected[s - 1 : s] for s in row) for row in data.train.tolist()]
    assert decoded[2] == b"caa`````" if b"c"[0] in expected else b"?aa`````"
    assert len(data.train) == 4
    one_hot = data.preprocess(data.train, torch.Generator())
    assert torch.equal(one_hot.argmax(dim=1), data.train.long())
    assert torch.equal(one_hot.sum(dim=1), torch.ones(4, 8))
    assert text.decode_lines(one_hot, expected) == decoded


def test_scalings_are_the_papers_formulas():
    v = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    grey, stream = v.double(), torch.Generator().manual_seed(0)
    assert torch.allclose(scaled("255")(v, stream).double(), 2 * (grey / 255 - 0.5), atol=1e-6)
    assert torch.allclose(scaled("128")(v, stream).double(), (grey - 127.5) / 128, atol=1e-6)
    assert torch.allclose(scaled("unit")(v, stream).double(), grey / 255, atol=1e-6)
    noise = torch.stack([scaled("256_dequantised")(v, stream).double() - 2 * (grey / 256 - 0.5) for _ in range(50)])
    assert float(noise.min()) >= -1e-6
    assert float(noise.max()) < 1 / 128
    assert float(noise.mean()) == pytest.approx(1 / 256, rel=0.05)
    assert float(scaled("256_dequantised")(v, stream).max()) < 1


def test_toys_have_their_centres_and_spreads():
    stream = torch.Generator().manual_seed(0)
    points = draws("gaussians8")[0](8000, stream).double()
    angles = torch.atan2(points[:, 1], points[:, 0])
    mode = torch.round(angles / (torch.pi / 4)).long() % 8
    assert torch.bincount(mode, minlength=8).tolist() == pytest.approx([1000] * 8, abs=120)
    for k in range(8):
        own = points[mode == k]
        centre = torch.tensor([np.cos(k * np.pi / 4), np.sin(k * np.pi / 4)]) * 2 / 1.414
        assert torch.allclose(own.mean(dim=0), centre, atol=0.002)
        assert torch.allclose(own.std(dim=0), torch.full((2,), 0.02 / 1.414, dtype=torch.float64), rtol=0.1)
    grid = load(spec_of("gaussians25")).train.double() * 2.828 / 2
    cell = grid.round()
    _, counts = torch.unique(cell, dim=0, return_counts=True)
    assert counts.tolist() == [4000] * 25
    assert ((grid - cell) * 2).std(dim=0).tolist() == pytest.approx([0.05, 0.05], rel=0.02)
    assert not torch.equal(cell[:25], cell[25:50])


def test_the_swiss_roll_is_scikit_learn_s():
    from sklearn.datasets import make_swiss_roll

    ours = draws("swiss_roll")[0](20_000, torch.Generator().manual_seed(0)).numpy()
    theirs = make_swiss_roll(20_000, noise=0.25, random_state=0)[0][:, [0, 2]] / 7.5
    for projection in (lambda p: np.hypot(p[:, 0], p[:, 1]), lambda p: p[:, 0], lambda p: p[:, 1]):
        assert stats.ks_2samp(projection(ours), projection(theirs)).pvalue > 0.001


def draws(name):
    """Functions of a count and a stream that draw a toy's real and generated points."""
    data = load(spec_of(name))
    return lambda count, stream: data.preprocess(data.train[:count], stream), data.fakes


def test_lipschitz_gans_cases_lie_where_the_protocol_says():
    stream = torch.Generator().manual_seed(0)
    real, fake = draws("lgan_case1")
    inside = real(4000, stream)
    assert [*inside.min(dim=0).values.tolist(), *inside.max(dim=0).values.tolist()] == pytest.approx(
        [0.5, -0.5, 1.5, 0.5], abs=0.01
    )
    generated = fake(20_000, stream) + torch.tensor([1.0, 0.0])
    boundary = generated.abs().max(dim=1).values > 0.49
    assert float(boundary.double().mean()) == pytest.approx(0.2, abs=0.01)
    assert len(torch.unique(generated[boundary], dim=0)) == 16
    assert float(generated[~boundary].abs().max()) <= 0.25
    real, fake = draws("lgan_case2")
    for draw, share in ((real, 0.2), (fake, 0.8)):
        points = draw(20_000, stream)
        assert float((points[:, 0] < 0).double().mean()) == pytest.approx(share, abs=0.012)
        assert float((points.abs()[:, 0] - 1).abs().max()) <= 0.5
        assert float(points[:, 1].abs().max()) <= 0.5
    real, fake = draws("lgan_case3")
    left = real(20_000, stream)
    assert float((left[:, 0] < 0).double().mean()) == pytest.approx(0.5, abs=0.012)
    assert left[left[:, 0] < 0].mean(dim=0).tolist() == pytest.approx([-1.25, 0], abs=0.01)
    assert left[left[:, 0] > 0].std(dim=0).tolist() == pytest.approx([0.15, 0.15], abs=0.01)
    assert fake(20_000, stream).mean(dim=0).tolist() == pytest.approx([-0.75, 0], abs=0.01)


def test_lines_gaussians_and_points_lie_where_their_papers_say():
    stream = torch.Generator().manual_seed(0)
    lines = load(spec_of("parallel_lines", offset=-0.25))
    real, fake = lines.preprocess(lines.train[:5000], stream), lines.fakes(5000, stream)
    assert set(real[:, 0].tolist()) == {0.0}
    assert set(fake[:, 0].tolist()) == {-0.25}
    for heights in (real[:, 1], fake[:, 1]):
        assert stats.kstest(heights.numpy(), "uniform").pvalue > 0.001
    assert not torch.equal(real[:, 1], fake[:, 1])
    line = load(spec_of("two_gaussians"))
    assert stats.kstest(line.preprocess(line.train[:5000], stream)[:, 0].numpy(), "norm").pvalue > 0.001
    assert stats.kstest(line.fakes(5000, stream)[:, 0].numpy() - 5, "norm").pvalue > 0.001
    points = load(spec_of("two_points"))
    assert points.preprocess(points.train[:2], stream).tolist() == [[1, 0], [1, 0]]
    assert points.fakes(2, stream).tolist() == [[-1, 0], [-1, 0]]


def test_pairs_are_the_papers_images_in_the_official_order_and_else_the_first_of_each_class(root):
    records = official.cifar10(root)
    data = load(spec_of("cifar10_pairs"))
    assert data.notes["pairs"] == "the first image of each class"
    np.testing.assert_allclose(data.supports[0][3].numpy().ravel(), (records[0][3, 1:] - 127.5) / 128, atol=1e-6)
    stream = torch.Generator().manual_seed(0)
    drawn = data.preprocess(data.train[:64], stream), data.fakes(64, stream)
    for part, made in zip(data.supports, drawn, strict=True):
        same = (made[:, None] == part).flatten(2).all(dim=2)
        assert same.any(dim=1).all()
        assert int(same.any(dim=0).sum()) > 5
    assert float(data.supports[1].min()) < -0.99
    assert float(data.supports[1].max()) > 0.99
    # Files that begin as the official ones do.
    pixels = np.random.default_rng(0).integers(0, 256, (10_000, 3073)).astype(np.uint8)
    pixels[:, 0] = np.resize([6, 9, 9, 4, 1, 1, 2, 7, 8, 3, 0, 5], 10_000)
    (root / "cifar-10-batches-bin/data_batch_1.bin").write_bytes(pixels.tobytes())
    paper = load(spec_of("cifar10_pairs"))
    assert "paper" in paper.notes["pairs"]
    np.testing.assert_allclose(paper.supports[0][9].numpy().ravel(), (pixels[8532, 1:] - 127.5) / 128, atol=1e-6)
    assert torch.equal(paper.supports[1], data.supports[1])


def test_images_are_decoded_once_and_anew_when_the_files_change(root, monkeypatch):
    official.image_folder(root)
    first = load(spec_of("image_folder"))
    assert (len(first.train), len(first.test)) == (10, 2)

    def refuse(data, where):
        raise AssertionError(f"decoded again: {where}")

    with monkeypatch.context() as patched:
        patched.setattr("wganlib.datasets.folders.decode", refuse)
        assert load(spec_of("image_folder")).sha256 == first.sha256
    (root / "photos/a/00.jpg").write_bytes(official.picture(np.random.default_rng(9), 70, 70))
    assert load(spec_of("image_folder")).sha256 != first.sha256


def test_a_decoding_that_fails_leaves_nothing_behind(root):
    official.image_folder(root)
    (root / "photos/b/11.png").write_bytes(b"\x89PNG\r\n\x1a\ncut short")
    with pytest.raises(WganlibError, match=r"11\.png: not an image that can be read"):
        load(spec_of("image_folder"))
    assert not [p for p in (root / ".decoded").rglob("*") if "train" in p.name and p.suffix != ".lock"]


def test_the_first_examples_of_a_fixed_shuffle(root):
    official.mnist(root)
    whole, limited = load(spec_of("mnist")), load(spec_of("mnist", train_limit=5))
    assert len(limited.train) == len(limited.train_labels) == 5
    assert len(limited.test) == len(whole.test)
    rows = np.random.default_rng(0).permutation(16)[:5]
    assert torch.equal(limited.train, whole.train[torch.from_numpy(rows)])
    assert torch.equal(limited.train_labels, whole.train_labels[torch.from_numpy(rows)])


def test_a_run_records_the_content_hash_and_the_resizing_library(root, tmp_path):
    official.lsun_bedrooms(root)
    data = {"name": "lsun_bedrooms", "image_size": 16}
    spec = make_spec(dataset=data, **{"method.batch_size": 4, "generator_iterations": 1, "log_every": 1})
    assert runs.train(spec, tmp_path / "results", device="cpu") == "ok"
    known = json.loads((tmp_path / "results/runs" / spec.key / "provenance.json").read_text())
    loaded = load(spec.dataset)
    assert known["data_sha256"] == loaded.sha256
    assert known["pillow"] == loaded.notes["pillow"]


def test_what_is_there_is_known_by_the_files_of_each_row(root):
    names = ("digits", "gaussians8", "image_folder", "cifar10", "cifar10_pairs", "flowers102", "imagenet32")
    assert [there(name) for name in names] == [True] * 3 + [False] * 4
    official.cifar10(root)
    assert [there(name) for name in names] == [True] * 5 + [False] * 2
    official.flowers102(root, False)  # the smaller copy alone
    official.imagenet32(root)
    assert all(there(name) for name in names)


def test_the_commands_list_and_verify(root):
    official.cifar10(root)
    done = wganlib(root, "data", "list")
    assert done.returncode == 0
    assert all(name in done.stdout for name in DATASETS)
    assert "wganlib data fetch mnist" in done.stdout
    verified = wganlib(root, "data", "verify", "cifar10")
    assert "50 training and 10 held-out" in verified.stdout
    assert load(spec_of("cifar10")).sha256 in verified.stdout
    assert BIN.exists()


REAL = os.environ.get("WGANLIB_REAL_DATA")
real_data = pytest.mark.skipif(not REAL, reason="no real data: set WGANLIB_REAL_DATA to an unpacked folder (see docs/data.md)")


@pytest.fixture
def real(monkeypatch):
    monkeypatch.setenv("DATA_ROOT", REAL)


@real_data
def test_real_mnist_has_the_published_content(real):
    import gzip
    import hashlib

    published = {  # of the files within the gzip wrappers
        "train-images-idx3": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    }
    for name, sha256 in published.items():
        content = gzip.decompress((data_root() / f"mnist/{name}-ubyte.gz").read_bytes())
        assert hashlib.sha256(content).hexdigest() == sha256
    data = load(spec_of("mnist"))
    assert (len(data.train), len(data.test)) == (50_000, 10_000)
    assert torch.bincount(data.train_labels).tolist() == [4932, 5678, 4968, 5101, 4859, 4506, 4951, 5175, 4842, 4988]
    assert torch.bincount(data.test_labels).tolist() == [991, 1064, 990, 1030, 983, 915, 967, 1090, 1009, 961]


@real_data
def test_real_cifar10_has_its_class_counts_and_means(real):
    data = load(spec_of("cifar10"))
    assert torch.bincount(data.train_labels).tolist() == [5000] * 10
    assert torch.bincount(data.test_labels).tolist() == [1000] * 10
    assert (data.train.float().mean(dim=(0, 2, 3)) / 255).tolist() == pytest.approx([0.4914, 0.4822, 0.4465], abs=5e-4)


@real_data
def test_real_bedrooms_come_in_the_order_of_their_keys(real):
    from wganlib.datasets.lsun import read_lmdb

    keys = [key for key, _ in read_lmdb(data_root() / "lsun/bedroom_train_lmdb")]
    assert keys == sorted(keys)
    assert len(load(spec_of("lsun_bedrooms")).train) == len(keys)


@real_data
def test_real_tiny_imagenet_and_flowers_and_text(real):
    data = load(spec_of("tiny_imagenet"))
    assert len(torch.unique(data.train_labels)) == 200
    images = data.train[::10]
    grey = (images[:, 0] == images[:, 1]).flatten(1).all(dim=1) & (images[:, 1] == images[:, 2]).flatten(1).all(dim=1)
    assert 0.01 < float(grey.double().mean()) < 0.03  # 928 of 52,000 as published
    flowers = load(spec_of("flowers102"))
    assert len(flowers.train) + len(flowers.test) == 8189
    assert torch.bincount(torch.cat([flowers.train_labels, flowers.test_labels])).min() == 40
    lines = load(spec_of("text_folder", folder="text", length=32, vocabulary_size=100))
    symbols = bytes.fromhex(lines.notes["symbols"])
    assert symbols[:2] == b" e"
