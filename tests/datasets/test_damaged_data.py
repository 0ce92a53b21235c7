"""Damaged, foreign and missing data, and downloads that fail: one line each, nothing half-written."""

import contextlib
import gzip
import hashlib
import http.server
import io
import pickle
import shutil
import tarfile
import threading
import zipfile
from dataclasses import replace

import numpy as np
import official
import pytest
from conftest import wganlib
from test_datasets import root, spec_of  # noqa: F401  (a fixture)

from wganlib.datasets import DATASETS, fetch
from wganlib.datasets.loading import load
from wganlib.datasets.sources import Source
from wganlib.errors import WganlibError


def _edit(path, change):
    path.write_bytes(change(path.read_bytes()))


def _regzip(path, change):
    path.write_bytes(gzip.compress(change(gzip.decompress(path.read_bytes()))))


MNIST = "mnist/train-images-idx3-ubyte.gz"
CIFAR = "cifar-10-batches-bin/data_batch_2.bin"
NPZ = "imagenet32/train_data_batch_3.npz"
TINY = "tiny-imagenet-200"
DAMAGES = {
    "mnist: cut gzip": ("mnist", lambda r: _edit(r / MNIST, lambda b: b[:-50]), [MNIST, "not a whole gzip file", "official"]),
    "mnist: not gzip": ("mnist", lambda r: (r / MNIST).write_bytes(b"hello"), [MNIST, "not a whole gzip file"]),
    "mnist: wrong magic": ("mnist", lambda r: _regzip(r / MNIST, lambda b: b"\1" + b[1:]), [MNIST, "01000803", "00000803"]),
    "mnist: labels for images": (
        "mnist",
        lambda r: shutil.copy(r / "mnist/train-labels-idx1-ubyte.gz", r / MNIST),
        [MNIST, "00000801", "00000803"],
    ),
    "mnist: short": ("mnist", lambda r: _regzip(r / MNIST, lambda b: b[:-1]), ["holds 15679 bytes", "15680"]),
    "mnist: fewer labels": (
        "mnist",
        lambda r: official.write_idx(r / "mnist/train-labels-idx1-ubyte.gz", np.zeros(19)),
        ["20 images", "19 labels"],
    ),
    "mnist: label 10": (
        "mnist",
        lambda r: official.write_idx(r / "mnist/train-labels-idx1-ubyte.gz", np.full(20, 10)),
        ["up to 10", "labels 0 to 9"],
    ),
    "mnist: other size": (
        "mnist",
        lambda r: official.write_idx(r / MNIST, np.zeros((20, 32, 32))),
        ["(32, 32)", "28x28"],
    ),
    "mnist: missing": ("mnist", lambda r: (r / MNIST).unlink(), [MNIST, "is missing", "wganlib data fetch mnist", "DATA_ROOT"]),
    "cifar10: cut": ("cifar10", lambda r: _edit(r / CIFAR, lambda b: b[:-7]), [CIFAR, "30723 bytes", "3073"]),
    "cifar10: empty": ("cifar10", lambda r: (r / CIFAR).write_bytes(b""), [CIFAR, "0 bytes"]),
    "cifar10: pickle": (
        "cifar10",
        lambda r: (r / CIFAR).write_bytes(pickle.dumps({"data": [1, 2, 3]}, protocol=2)),
        [CIFAR, "a pickle", "use the binary version"],
    ),
    "cifar10: label 77": ("cifar10", lambda r: _edit(r / CIFAR, lambda b: b"\x4d" + b[1:]), [CIFAR, "label 77", "0 to 9"]),
    "cifar10: missing": ("cifar10", lambda r: (r / CIFAR).unlink(), [CIFAR, "cifar-10-binary.tar.gz"]),
    "imagenet32: objects": (
        "imagenet32",
        lambda r: np.savez(r / NPZ, data=np.array([{"a": 1}], dtype=object), labels=[1]),
        [NPZ, "allow_pickle=False", "image-net.org"],
    ),
    "imagenet32: not npz": (
        "imagenet32",
        lambda r: (r / NPZ).write_bytes(b"PK\3\4 no zip"),
        [NPZ, "not a file of 32x32 ImageNet"],
    ),
    "imagenet32: a pickle": ("imagenet32", lambda r: (r / NPZ).write_bytes(pickle.dumps([1])), [NPZ, "not a file of 32x32"]),
    "imagenet32: shape": (
        "imagenet32",
        lambda r: np.savez(r / NPZ, data=np.zeros((4, 3071), np.uint8), labels=[1, 2, 3, 4]),
        [NPZ, "(4, 3071)", "(N, 3072)"],
    ),
    "imagenet32: label 0": (
        "imagenet32",
        lambda r: np.savez(r / NPZ, data=np.zeros((2, 3072), np.uint8), labels=[0, 5]),
        [NPZ, "labels 0 to 5", "1 to 1000"],
    ),
    "imagenet32: missing": ("imagenet32", lambda r: (r / NPZ).unlink(), [NPZ, "Imagenet32_train_npz.zip"]),
    "lsun: missing": (
        "lsun_bedrooms",
        lambda r: shutil.rmtree(r / "lsun/bedroom_val_lmdb"),
        ["bedroom_val_lmdb/data.mdb is missing", "bedroom_val_lmdb.zip"],
    ),
    "lsun: garbage": (
        "lsun_bedrooms",
        lambda r: (r / "lsun/bedroom_train_lmdb/data.mdb").write_bytes(b"x" * 8192),
        ["bedroom_train_lmdb", "not a whole LMDB database"],
    ),
    "lsun: an entry that is no image": (
        "lsun_bedrooms",
        lambda r: _lmdb_entry(r),
        ["entry zzz", "not an image that can be read"],
    ),
    "tiny: no wnids": ("tiny_imagenet", lambda r: (r / TINY / "wnids.txt").unlink(), ["wnids.txt is missing", "data fetch"]),
    "tiny: foreign class": (
        "tiny_imagenet",
        lambda r: (r / TINY / "val/val_annotations.txt").write_text("val_0.JPEG\tn99\t0\n"),
        ["val_annotations.txt", "n99", "wnids.txt"],
    ),
    "tiny: another size": (
        "tiny_imagenet",
        lambda r: (r / TINY / "train/n01/images/n01_1.JPEG").write_bytes(official.picture(np.random.default_rng(0), 63, 64)),
        ["n01_1.JPEG", "63x64", "64x64"],
    ),
    "tiny: cut image": (
        "tiny_imagenet",
        lambda r: _edit(r / TINY / "train/n01/images/n01_1.JPEG", lambda b: b[: len(b) // 2]),
        ["n01_1.JPEG", "not an image that can be read", "replace or remove"],
    ),
    "tiny: missing image": ("tiny_imagenet", lambda r: (r / TINY / "val/images/val_1.JPEG").unlink(), ["val_1.JPEG", "unpack"]),
    "flowers: label 103": (
        "flowers102",
        lambda r: official.flower_labels(r / "flowers102", np.full((1, 13), 103)),
        ["image_00001.jpg", "label 103", "1 to 102"],
    ),
    "flowers: too few labels": (
        "flowers102",
        lambda r: official.flower_labels(r / "flowers102", np.ones((1, 2))),
        ["image_00003.jpg", "label none"],
    ),
    "flowers: no mat": (
        "flowers102",
        lambda r: (r / "flowers102/imagelabels.mat").write_bytes(b"not a mat file"),
        ["imagelabels.mat", "not the official labels"],
    ),
    "flowers: missing": (
        "flowers102",
        lambda r: shutil.rmtree(r / "flowers102/jpg"),
        ["flowers102/jpg is missing", "102flowers.tgz"],
    ),
    "folder: missing": ("image_folder", lambda r: shutil.rmtree(r / "photos"), ["photos is no folder", "DATA_ROOT"]),
    "folder: too few": (
        "image_folder",
        lambda r: [p.unlink() for p in (r / "photos").rglob("*.png")],
        ["photos holds 4 images", "at least 10"],
    ),
    "text: no files": ("text_folder", lambda r: (r / "lines/1.txt").unlink(), ["lines holds 1 .txt files", "at least 2"]),
    "text: empty": ("text_folder", lambda r: (r / "lines/2.txt").write_text(""), ["holds no line of text"]),
    "corpus: missing": (
        "billion_word",
        lambda r: shutil.rmtree(r / official.CORPUS),
        [official.CORPUS, "is missing", "tar.gz"],
    ),
}


def _lmdb_entry(folder):
    path = folder / "lsun/bedroom_train_lmdb"
    with official.lmdb.open(str(path), map_size=1 << 22) as database, database.begin(write=True) as transaction:
        transaction.put(b"zzz", b"\x80\x04pickle")


@pytest.mark.parametrize("case", DAMAGES)
def test_damaged_foreign_and_missing_files_are_named(case, root):  # noqa: F811
    name, damage, words = DAMAGES[case]
    getattr(official, name)(root)
    load(spec_of(name))
    shutil.rmtree(root / ".decoded", ignore_errors=True)
    damage(root)
    with pytest.raises(WganlibError) as error:
        load(spec_of(name))
    message = str(error.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message
    assert not list(root.rglob("*.tmp"))


def test_a_wrong_data_root_and_too_large_a_limit_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_ROOT", str(tmp_path / "nowhere"))
    with pytest.raises(WganlibError, match=r"DATA_ROOT: .*nowhere is no folder; set it to the folder that holds the data"):
        load(spec_of("mnist"))
    with pytest.raises(WganlibError, match="train_limit: found 2000, but digits has 1437 training examples: use 1437 or less"):
        load(spec_of("digits", train_limit=2000))


def test_the_command_line_says_what_is_missing_in_one_line(tmp_path):
    done = wganlib(tmp_path, "data", "verify", "cifar10")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "data/cifar-10-batches-bin/data_batch_1.bin is missing" in done.stderr
    for arguments, words in (
        (("fetch", "cifar"), ["unknown data set 'cifar'", "did you mean 'cifar10'"]),
        (("fetch", "imagenet32"), ["imagenet32", "needs an account", "docs/data.md"]),
        (("verify", "image_folder"), ["image_folder", "the key 'folder' is missing"]),
    ):
        done = wganlib(tmp_path, "data", *arguments)
        assert done.returncode == 2
        assert all(word in done.stderr for word in words), done.stderr


class Server(http.server.BaseHTTPRequestHandler):
    """Serves `content`, by ranges if asked; `cut` ends each answer early; remembers what was asked for."""

    content, cut, ranges, asked, kind = b"", None, True, [], "application/octet-stream"

    def do_GET(self):
        wanted = self.headers.get("Range")
        type(self).asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.ranges else 0
        if start >= len(self.content) > 0:
            self.send_error(416)
            return
        rest = self.content[start:]
        self.send_response(206 if wanted and self.ranges else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.send_header("Content-Type", self.kind)
        self.end_headers()
        self.wfile.write(rest if self.cut is None else rest[: self.cut])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    handler = type("Handler", (Server,), {"content": bytes(range(256)) * 400, "asked": []})
    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    handler.url = f"http://127.0.0.1:{listening.server_address[1]}/file.bin"
    yield handler
    listening.shutdown()


def _md5(content):
    return "md5:" + hashlib.md5(content).hexdigest()


def test_a_broken_download_goes_on_where_it_stopped(server, tmp_path):
    path = tmp_path / "in/file.bin"
    server.cut = 60_000
    with pytest.raises(
        WganlibError, match=r"cannot download .*file\.bin \(.*\); try again to go on where it stopped, or by hand"
    ):
        fetch.download(server.url, path, _md5(server.content), "by hand")
    assert not path.exists()
    assert path.with_name("file.bin.part").stat().st_size == 60_000
    server.cut = None
    fetch.download(server.url, path, _md5(server.content), "by hand")
    assert path.read_bytes() == server.content
    assert server.asked == [None, "bytes=60000-"]
    assert not path.with_name("file.bin.part").exists()


def test_a_server_without_ranges_sends_all_again_and_a_whole_part_is_enough(server, tmp_path):
    path, part = tmp_path / "file.bin", tmp_path / "file.bin.part"
    part.write_bytes(b"x" * 100)
    server.ranges = False
    fetch.download(server.url, path, _md5(server.content), "by hand")
    assert path.read_bytes() == server.content
    path.rename(part)
    server.ranges = True
    fetch.download(server.url, path, _md5(server.content), "by hand")
    assert path.read_bytes() == server.content


def test_what_needs_an_account_is_not_said_to_be_fetched(root):  # noqa: F811
    with pytest.raises(WganlibError, match=r"train_data_batch_1\.npz is missing; put the files of") as error:
        load(spec_of("imagenet32"))
    assert "data fetch" not in str(error.value)


def test_a_wrong_checksum_keeps_nothing(server, tmp_path):
    with pytest.raises(WganlibError, match=r"md5 [0-9a-f]{32}, expected 0000; what was downloaded is deleted"):
        fetch.download(server.url, tmp_path / "file.bin", "md5:0000", "by hand")
    assert list(tmp_path.iterdir()) == []


def test_offline_the_file_to_put_by_hand_is_named(tmp_path, monkeypatch, root):  # noqa: F811
    source = Source("http://127.0.0.1:9/official.gz", "mnist/official.gz", "mnist/official.gz")
    monkeypatch.setitem(DATASETS, "mnist", replace(DATASETS["mnist"], sources=(source,)))
    with pytest.raises(
        WganlibError, match=r"cannot download http://127\.0\.0\.1:9/.*put mnist's official\.gz there by hand, as"
    ):
        fetch.fetch("mnist")
    assert [p for p in root.rglob("*") if p.is_file()] == []


def _tar(names):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in names.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _zip(names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in names.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize("pack", [_tar, _zip])
def test_archives_are_unpacked_whole_and_their_checksum_recorded_where_none_is_published(pack, server, root, monkeypatch):  # noqa: F811
    server.content = pack({"set/a.txt": b"a", "set/deep/b.txt": b"b"})
    sources = (Source(server.url, "file.bin", "set/a.txt"),)
    monkeypatch.setitem(DATASETS, "cifar10", replace(DATASETS["cifar10"], sources=sources))
    (line,) = fetch.fetch("cifar10")
    sha256 = hashlib.sha256(server.content).hexdigest()
    assert "no checksum is published" in line
    assert sha256 in line
    assert (root / "set/deep/b.txt").read_bytes() == b"b"
    assert sorted(p.name for p in root.iterdir()) == ["checksums.json", "set"]
    assert fetch.fetch("cifar10") == [f"{root / 'set/a.txt'}: there"]
    # The recorded checksum is the expected one from then on.
    shutil.rmtree(root / "set")
    server.content = pack({"set/a.txt": b"other"})
    with pytest.raises(WganlibError, match="checksums.json says " + sha256 + r".* take file\.bin's entry out of it"):
        fetch.fetch("cifar10")
    # What was sent is kept: with the entry gone it counts, and is not sent again.
    (root / "checksums.json").write_text("{}")
    server.asked.clear()
    assert "no checksum is published" in fetch.fetch("cifar10")[0]
    assert server.asked == [f"bytes={len(server.content)}-"]
    assert (root / "set/a.txt").read_bytes() == b"other"


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/zip"])
def test_a_page_in_place_of_an_archive_does_not_bar_the_true_one(server, root, monkeypatch, kind):  # noqa: F811
    sources = (Source(server.url, "file.bin", "set/a.txt"),)
    monkeypatch.setitem(DATASETS, "cifar10", replace(DATASETS["cifar10"], sources=sources))
    server.content, server.kind = b"<html>quota exceeded</html>", kind
    with pytest.raises(WganlibError, match="web page instead of the file" if "html" in kind else "no archive; it is deleted"):
        fetch.fetch("cifar10")
    assert list(root.iterdir()) == []
    server.content, server.kind = _zip({"set/a.txt": b"a"}), "application/zip"
    fetch.fetch("cifar10")
    assert (root / "set/a.txt").read_bytes() == b"a"


@pytest.mark.parametrize("pack", [_tar, _zip])
def test_an_archive_damaged_anywhere_is_refused_in_one_line(pack, tmp_path):
    whole = pack({"set/a.txt": bytes(range(256)) * 20, "set/b.txt": b"b" * 999})
    random = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(3):
            damaged[int(random.integers(len(damaged)))] ^= int(random.integers(1, 256))
        (tmp_path / "file.bin").write_bytes(damaged)
        with contextlib.suppress(WganlibError):
            fetch.unpack(tmp_path / "file.bin", tmp_path)
        shutil.rmtree(tmp_path / "set", ignore_errors=True)
        assert not [path for path in tmp_path.iterdir() if path.name.endswith(".tmp")]


@pytest.mark.parametrize("pack", [_tar, _zip])
def test_archives_that_lead_outside_or_are_damaged_are_refused(pack, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    evil = folder / "evil.bin"
    evil.write_bytes(pack({"ok.txt": b"x", "../outside.txt": b"x"}))
    with pytest.raises(WganlibError, match=r"evil\.bin"):
        fetch.unpack(evil, folder)
    evil.write_bytes(pack({"a.txt": b"x" * 10_000})[:60])
    with pytest.raises(WganlibError, match="not a whole archive"):
        fetch.unpack(evil, folder)
    assert not (tmp_path / "outside.txt").exists()
    assert [p.name for p in folder.iterdir()] == ["evil.bin"]


def test_every_source_s_file_is_what_its_loader_looks_for():
    assert {source.path.split("/")[0] for source in DATASETS["mnist"].sources} == {"mnist"}
    for name, row in DATASETS.items():
        for source in row.sources:
            assert source.checksum is None or source.checksum.startswith(("md5:", "sha256:")), name
            assert source.url.startswith(("http://", "https://")), name
