"""Small data sets in the official formats, written by the tests themselves."""

import gzip
import hashlib
import io
import struct
from pathlib import Path

import lmdb
import numpy as np
from PIL import Image
from scipy.io import savemat

from wganlib.datasets import parsers


def picture(random, width, height, kind="JPEG", mode="RGB"):
    """The bytes of a smooth random image."""
    coarse = random.integers(0, 256, size=(4, 4, 3), dtype=np.uint8)
    made = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).convert(mode)
    buffer = io.BytesIO()
    made.save(buffer, format=kind)
    return buffer.getvalue()


def write_idx(path: Path, array: np.ndarray) -> None:
    head = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    data = head + array.astype(np.uint8).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def mnist(root, suffix=".gz"):
    random = np.random.default_rng(0)
    made = {}
    for part, count in (("train", 20),):
        images, labels = random.integers(0, 256, (count, 28, 28)), np.arange(count) % 10
        write_idx(root / f"mnist/{part}-images-idx3-ubyte{suffix}", images)
        write_idx(root / f"mnist/{part}-labels-idx1-ubyte{suffix}", labels)
        made[part] = images, labels
    return made


def cifar10(root):
    random = np.random.default_rng(1)
    folder = root / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    made = []
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        records = random.integers(0, 256, (10, 3073)).astype(np.uint8)
        records[:, 0] = np.arange(10)
        (folder / f"{name}.bin").write_bytes(records.tobytes())
        made.append(records)
    return np.stack(made)


cifar10_pairs = cifar10


def imagenet32(root):
    random = np.random.default_rng(2)
    folder = root / "imagenet32"
    folder.mkdir(parents=True)
    for name in [*(f"train_data_batch_{i}" for i in range(1, 11)), "val_data"]:
        data = random.integers(0, 256, (4, 3072)).astype(np.uint8)
        np.savez(folder / f"{name}.npz", data=data, labels=np.array([1, 2, 999, 1000]), mean=np.zeros(3072))
    return data


def lsun_bedrooms(root):
    random = np.random.default_rng(3)
    made = {}
    for part, count in (("train", 6), ("val", 3)):
        path = root / f"lsun/bedroom_{part}_lmdb"
        path.mkdir(parents=True)
        entries = {
            f"{random.integers(10**9):09d}".encode(): picture(random, 40 + i, 50, "WEBP" if i % 2 else "JPEG")
            for i in range(count)
        }
        with lmdb.open(str(path), map_size=1 << 22) as database, database.begin(write=True) as transaction:
            for key in sorted(entries, reverse=True):
                transaction.put(key, entries[key])
        made[part] = entries
    return made


def tiny_imagenet(root):
    random = np.random.default_rng(4)
    folder = root / "tiny-imagenet-200"
    names = ["n02", "n01"]  # wnids.txt is not sorted
    for name in names:
        (folder / "train" / name / "images").mkdir(parents=True)
        for i in range(3):
            data = picture(random, 64, 64, mode="L" if i == 0 else "RGB")
            (folder / "train" / name / "images" / f"{name}_{i}.JPEG").write_bytes(data)
    (folder / "val/images").mkdir(parents=True)
    for i in range(2):
        (folder / f"val/images/val_{i}.JPEG").write_bytes(picture(random, 64, 64))
    (folder / "wnids.txt").write_text("\n".join(names) + "\n")
    (folder / "val/val_annotations.txt").write_text("val_0.JPEG\tn01\t0\t0\t9\t9\nval_1.JPEG\tn02\t0\t0\t9\t9\n")


def flower_labels(folder, labels):
    """Write labels as the official file; its checksum, which is compared first, is taken for the official one."""
    savemat(folder / "imagelabels.mat", {"labels": np.array(labels, dtype=np.uint8)})
    parsers.LABELS_MD5 = hashlib.md5((folder / "imagelabels.mat").read_bytes()).hexdigest()


def flowers102(root, official=True):
    random = np.random.default_rng(5)
    folder = root / ("flowers102" if official else "flowers102-64")
    (folder / "jpg").mkdir(parents=True)
    labels = [102, 1, 50, *range(2, 12)]
    for i, _ in enumerate(labels, 1):
        (folder / f"jpg/image_{i:05d}.jpg").write_bytes(picture(random, 80, 60))
    if official:
        flower_labels(folder, [labels])
    else:
        rows = [f"image_{i:05d}.jpg,{label}" for i, label in enumerate(labels, 1)]
        (folder / "labels.csv").write_text("image,class\n" + "\n".join(rows) + "\n")
    return labels


def image_folder(root):
    random = np.random.default_rng(6)
    for i in range(12):
        path = root / f"photos/{'ab'[i % 2]}/{i:02d}.{'png' if i % 3 else 'jpg'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(random, 60, 40 + i, "PNG" if i % 3 else "JPEG"))
    (root / "photos/notes.txt").write_text("not an image")


CORPUS = "1-billion-word-language-modeling-benchmark-r13output"


def billion_word(root):
    train, held_out = (
        root / CORPUS / "training-monolingual.tokenized.shuffled",
        root / CORPUS / "heldout-monolingual.tokenized.shuffled",
    )
    for folder in (train, held_out):
        folder.mkdir(parents=True)
    (train / "news.en-00002-of-00100").write_bytes(b"caa\n" * 2)
    (train / "news.en-00001-of-00100").write_bytes("aab éb\nlonger than eight\n".encode())
    (train / "news.en-00000-of-00100").write_bytes(b"ZZZZ\n" * 9)
    (held_out / "news.en.heldout-00000-of-00050").write_bytes(b"azb\n")


def text_folder(root):
    (root / "lines").mkdir(parents=True)
    (root / "lines/1.txt").write_text("aab\nab\n")
    (root / "lines/2.txt").write_text("b\n")
