"""Every format that is read, 200 times damaged at random: one line or data, no traceback, no signal, no hang."""

import json
import subprocess
import sys

import numpy as np
import official
import pytest
from conftest import REPOSITORY, environment
from test_datasets import root, spec_of  # noqa: F401  (a fixture)

MUTATIONS = 200
FILES = {
    "mnist": "mnist/train-images-idx3-ubyte.gz",
    "cifar10": "cifar-10-batches-bin/data_batch_2.bin",
    "imagenet32": "imagenet32/train_data_batch_3.npz",
    "lsun_bedrooms": "lsun/bedroom_train_lmdb/data.mdb",
    "tiny_imagenet": "tiny-imagenet-200/val/val_annotations.txt",
    "flowers102": "flowers102/imagelabels.mat",
    "billion_word": official.CORPUS + "/heldout-monolingual.tokenized.shuffled/news.en.heldout-00000-of-00050",
    "image_folder, JPEG": "photos/a/00.jpg",
    "image_folder, PNG": "photos/b/01.png",
    "image_folder, WebP": "photos/z.webp",
    "image_folder, BMP": "photos/z.bmp",
}
"""The file that is damaged, by data set and kind of file."""

CHECKED = {"mnist": "fetched", "imagenet32": "zip", "flowers102": "md5"}
"""Formats with a checksum of their own: no changed data may pass."""

# A process of its own, so that a signal shows. It prints what became of each mutation.
PROGRAM = """
import json, sys, warnings
from pathlib import Path
import numpy as np
from wganlib.datasets.loading import load
from wganlib.datasets.spec import DatasetSpec
from wganlib.errors import WganlibError

warnings.simplefilter("ignore")
path, spec, count = Path(sys.argv[1]), DatasetSpec(**json.loads(sys.argv[2])), int(sys.argv[3])
whole, random = path.read_bytes(), np.random.default_rng(0)
if sys.argv[4]:
    from wganlib.datasets import parsers
    parsers.LABELS_MD5 = sys.argv[4]
true = load(spec).sha256


def mutated():
    data = bytearray(whole)
    kind = random.integers(4)
    at = int(random.integers(len(data)))
    if kind == 0:
        for _ in range(int(random.integers(1, 8))):
            data[int(random.integers(len(data)))] ^= int(random.integers(1, 256))
    elif kind == 1:
        del data[at:]
    elif kind == 2:
        data[at:at] = random.bytes(int(random.integers(1, 64)))
    else:
        length = int(random.integers(1, 64))
        data[at : at + length] = data[: length]
    return bytes(data)


for _ in range(count):
    damaged = mutated()
    path.write_bytes(damaged)
    try:
        said = "same" if load(spec).sha256 == true else "other"
    except WganlibError as error:
        said = str(error)
    print(json.dumps(said), flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_damage_at_random_is_refused_in_one_line_or_read(name, root, monkeypatch):  # noqa: F811
    kind = name.partition(",")[0]
    getattr(official, kind)(root)
    for suffix in ("webp", "bmp"):
        if name.lower().endswith(suffix):
            (root / f"photos/z.{suffix}").write_bytes(official.picture(np.random.default_rng(1), 40, 40, suffix.upper()))
    checksum = official.parsers.LABELS_MD5 if kind == "flowers102" else ""
    path, spec = root / FILES[name], spec_of(kind).model_dump_json(exclude_none=True)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path), spec, str(MUTATIONS), checksum],
        cwd=REPOSITORY,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=580,
    )
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(said) == MUTATIONS
    assert not any("\n" in line for line in said)
    refused = [line for line in said if line not in ("same", "other")]
    assert all(path.name in line or path.parent.name in line or kind in line for line in refused), refused
    assert refused or kind == "billion_word"  # any bytes are text
    if kind in CHECKED:
        assert said.count("other") == 0
