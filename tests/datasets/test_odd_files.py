"""Files that are whole but odd, folders that cannot be read, copies that would be stale: nothing is read wrongly in silence."""

import errno
import fcntl
import io
import json
import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import official
import pytest
from conftest import REPOSITORY, environment, wganlib
from PIL import Image
from test_datasets import root, spec_of  # noqa: F401  (a fixture)

from wganlib.datasets import cache, parsers
from wganlib.datasets.inspection import inspecting
from wganlib.datasets.loading import load
from wganlib.errors import WganlibError


@pytest.fixture
def photos(root):  # noqa: F811
    """Eleven grey images, of which the first is held out, and room for one more."""
    folder = root / "photos"
    folder.mkdir()
    for i in range(11):
        Image.new("L", (8, 8), 10 * i).save(folder / f"{i:02d}.png")
    return folder


def read():
    return load(spec_of("image_folder", image_size=8))


def refusal():
    with pytest.raises(WganlibError) as error:
        read()
    assert "\n" not in str(error.value)
    return str(error.value)


def png(width, height, depth, kind, rows):
    """A PNG by hand: what Pillow does not write. `rows`: the bytes of each, without its filter."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return parsers.PNG_SIGNATURE + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


# Parsers.


def test_only_four_formats_are_decoded_and_others_named(photos):
    others = {"GIF": "GIF", "TIFF": "TIFF", "PPM": "another kind of file", "PCX": "another kind of file"}
    for kind, word in others.items():
        buffer = io.BytesIO()
        Image.new("RGB", (8, 8)).save(buffer, kind)
        (photos / "z.jpg").write_bytes(buffer.getvalue())
        assert f"photos/z.jpg: not an image that can be read (found {word}, allowed are JPEG, PNG, WEBP, BMP)" in refusal()
    (photos / "z.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\nquit\n")
    assert "found PostScript" in refusal()
    (photos / "z.jpg").write_bytes(b"")
    assert "found an empty file" in refusal()
    for kind in ("JPEG", "PNG", "WEBP", "BMP"):
        Image.new("RGB", (8, 8), "red").save(photos / "z.jpg", kind)
        assert len(read().train) == 10


def test_an_image_too_large_for_memory_is_named(photos):
    rows = [bytes(14000 // 8)] * 14000
    (photos / "z.png").write_bytes(png(14000, 14000, 1, 0, rows))
    assert "photos/z.png: not an image that can be read" in refusal()


@pytest.mark.parametrize("error", [struct.error("odd"), IndexError(), RuntimeError("a\nb"), MemoryError(), ZeroDivisionError()])
def test_whatever_a_parser_raises_is_one_line_with_the_file_s_name(photos, monkeypatch, error):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(Image, "open", fail)
    assert refusal().startswith(str(photos / "00.png")) or refusal().startswith(str(photos / "01.png"))


def test_labels_are_not_parsed_before_their_checksum_is_known(root, monkeypatch):  # noqa: F811
    official.flowers102(root)
    path = root / "flowers102/imagelabels.mat"
    whole = path.read_bytes()
    monkeypatch.setattr("scipy.io.loadmat", lambda *_: pytest.fail("parsed"))
    for place in (len(whole) - 3, 130, 4):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        with pytest.raises(WganlibError, match=r"imagelabels\.mat: not the official labels \(md5"):
            load(spec_of("flowers102"))


@pytest.mark.parametrize("share", [0.9, 0.5])
def test_a_database_that_is_cut_short_says_by_how_much(root, share):  # noqa: F811
    official.lsun_bedrooms(root)
    path = root / "lsun/bedroom_train_lmdb/data.mdb"
    whole = path.stat().st_size
    os.truncate(path, int(whole * share))
    with pytest.raises(WganlibError, match=f"cut short: {int(whole * share):,} of {whole:,} bytes"):
        load(spec_of("lsun_bedrooms"))
    os.truncate(path, 100)
    with pytest.raises(WganlibError, match="not a whole LMDB database"):
        load(spec_of("lsun_bedrooms"))


def test_a_database_of_damaged_pages_ends_its_reader_alone(root):  # noqa: F811
    official.lsun_bedrooms(root)
    path = root / "lsun/bedroom_train_lmdb/data.mdb"
    whole, random = path.read_bytes(), np.random.default_rng(0)
    refused = []
    for _ in range(6):
        damaged = bytearray(whole)
        page = 4096 * int(random.integers(2, len(whole) // 4096))
        damaged[page : page + 4096] = random.bytes(4096)
        path.write_bytes(damaged)
        try:
            load(spec_of("lsun_bedrooms"))
        except WganlibError as error:
            refused.append(str(error))
    assert refused
    assert all("\n" not in text and "bedroom_train_lmdb" in text for text in refused)


# Pixels.


def test_sixteen_bits_are_scaled_not_cut(photos):
    grey, colour = struct.pack(">H", 0x1234) * 8, struct.pack(">HHH", 0x1234, 0xFFFF, 0x00FF) * 8
    (photos / "z1.png").write_bytes(png(8, 8, 16, 0, [grey] * 8))
    (photos / "z2.png").write_bytes(png(8, 8, 16, 2, [colour] * 8))
    (photos / "z3.png").write_bytes(png(8, 8, 16, 4, [struct.pack(">HH", 0x8000, 0xFFFF) * 8] * 8))
    with inspecting() as found:
        read()
    assert [path[-6:] for path in found.changed["16 bits a channel, of which the upper 8 are kept"]] == [
        "z1.png",
        "z2.png",
        "z3.png",
    ]
    images = read().train
    assert images[-3:, :, 3, 5].tolist() == [[0x12] * 3, [0x12, 0xFF, 0x00], [0x80] * 3]


TURNED = {
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(np.transpose(a), 2),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("orientation", [0, 1, *TURNED, 9])
def test_photographs_are_turned_upright(photos, orientation):
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    exif = Image.Exif()
    exif[parsers.ORIENTATION] = orientation
    Image.fromarray(pixels).save(photos / "z.png", exif=exif)
    upright = TURNED.get(orientation, lambda a: a)(pixels)
    np.testing.assert_array_equal(read().train[-1, 1].numpy(), upright)


def test_a_damaged_exif_block_spoils_no_image(photos):
    Image.new("RGB", (8, 8), (9, 9, 9)).save(photos / "z.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff nonsense", quality=100)
    assert int(read().train[-1, 0, 0, 0]) == 9


# Folders.


def test_linked_folders_are_followed_and_loops_ended(root, photos):  # noqa: F811
    store = root / "elsewhere"
    store.mkdir()
    Image.new("L", (8, 8), 200).save(store / "a.png")
    (photos / "linked").symlink_to(store)
    (store / "back").symlink_to(photos)
    (photos / "one.png").symlink_to(store / "a.png")
    images = read().train[:, 0, 0, 0].tolist()
    assert images.count(200) == 2
    assert len(images) + len(read().test) == 13


def test_a_link_to_nothing_is_refused(photos):
    (photos / "gone.png").symlink_to(photos / "nowhere.png")
    assert "gone.png: a link to a file that is not there" in refusal()


def test_what_may_not_be_read_is_refused_by_its_reason(photos, monkeypatch):
    (photos / "closed").mkdir()
    scandir = os.scandir

    def denied(path):
        if str(path).endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", denied)
        text = refusal()
    assert "closed: may not be read (Permission denied)" in text
    assert "replace" not in text
    monkeypatch.setattr("pathlib.Path.read_bytes", lambda path: denied("closed"))
    assert "may not be read (Permission denied)" in refusal()


def test_permissions_are_not_called_damage(root, monkeypatch):  # noqa: F811
    official.mnist(root)

    def denied(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.read_bytes", denied)
    with pytest.raises(WganlibError, match="may not be read") as error:
        load(spec_of("mnist"))
    assert "official" not in str(error.value)


# The copy of decoded images.


def test_a_copy_is_never_stale(photos):
    for i in range(12):
        Image.new("RGB", (8, 8)).save(photos / f"b{i:02d}.bmp")
    first = read()
    before = {path: path.stat() for path in photos.glob("*.bmp")}
    for path, status in before.items():
        Image.new("RGB", (8, 8), "white").save(path)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert path.stat().st_size == status.st_size
    second = read()
    assert second.sha256 != first.sha256
    assert int(second.train[-1].min()) == 255


def test_verify_reads_the_files_and_not_the_copy(root, photos):  # noqa: F811
    true = read().sha256
    for record in (root / ".decoded").glob("*.json"):
        record.write_text(json.dumps(json.loads(record.read_text()) | {"sha256": "0" * 64}))
    for copy in (root / ".decoded").glob("*.npy"):
        copy.write_bytes(copy.read_bytes()[:-5] + b"\1\1\1\1\1")
    spec = json.dumps({"name": "image_folder", "folder": "photos", "image_size": 8})
    assert true in wganlib(root, "data", "verify", spec).stdout


def test_verify_says_what_was_changed_left_out_and_refused(root, photos):  # noqa: F811
    (photos / "deep.png").write_bytes(png(8, 8, 16, 0, [bytes(16)] * 8))
    exif = Image.Exif()
    exif[parsers.ORIENTATION] = 6
    Image.new("L", (8, 8)).save(photos / "side.jpg", exif=exif)
    Image.new("RGBA", (8, 8)).save(photos / "clear.webp")
    Image.new("L", (8, 8)).save(photos / "film.png", save_all=True, append_images=[Image.new("L", (8, 8), 255)])
    (photos / "notes.txt").write_text("text")
    spec = json.dumps({"name": "image_folder", "folder": "photos", "image_size": 8})
    said = wganlib(root, "data", "verify", spec)
    assert said.returncode == 0, said.stderr
    words = [
        "16 bits a channel, of which the upper 8 are kept: {}/deep.png",
        "turned upright by its EXIF orientation: {}/side.jpg",
        "transparency is left out: {}/clear.webp",
        "of several frames the first: {}/film.png",
        "left out: files named *.txt: {}/notes.txt",
        "13 training and 2 held-out examples",
    ]
    for word in words:
        assert word.format(photos) in said.stdout, word
    (photos / "bad.jpg").write_bytes(b"\xff\xd8 not more")
    (photos / "web.png").write_bytes(b"<!DOCTYPE html>")
    said = wganlib(root, "data", "verify", spec)
    assert said.returncode == 2
    assert said.stdout.count("refused: ") == 2
    assert "web.png: not an image that can be read (found a web page" in said.stdout
    assert said.stderr == "error: image_folder: 2 refused; mend or remove what is named above\n"


def test_three_at_once_decode_once(root, photos):  # noqa: F811
    log = root / "decoded.log"
    code = (
        "import sys, time; from wganlib.datasets import folders\n"
        "from wganlib.datasets.loading import load; from wganlib.datasets.spec import DatasetSpec\n"
        "decode = folders.decode\n"
        "def counted(data, where):\n"
        f"    open({str(log)!r}, 'a').write(where + '\\n'); time.sleep(0.02)\n"
        "    return decode(data, where)\n"
        "folders.decode = counted\n"
        "print(load(DatasetSpec(name='image_folder', folder='photos', image_size=8)).sha256)"
    )
    jobs = [
        subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, env=environment(), stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = {job.communicate()[0] for job in jobs}
    assert len(said) == 1
    assert len(log.read_text().splitlines()) == 11


def test_what_dead_processes_left_is_removed_and_a_full_disk_is_an_error(root, photos, monkeypatch):  # noqa: F811
    folder = root / ".decoded"
    folder.mkdir()
    left = folder / ".photos-train-8.npy.abc123.tmp"
    left.write_bytes(bytes(100))

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full)
        assert f"cannot write {folder}: No space left on device" in refusal()
    assert not left.exists()
    assert not list(folder.glob("*.tmp")) + list(folder.glob(".*.tmp")) + list(folder.glob("*.npy"))

    def cannot(*arguments):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", cannot)
    assert len(read().train) == 9


def test_a_decoder_that_was_killed_leaves_no_copy_behind(root, photos):  # noqa: F811
    code = (
        "import os, signal; from wganlib.datasets import folders\n"
        "from wganlib.datasets.loading import load; from wganlib.datasets.spec import DatasetSpec\n"
        "folders.decode = lambda data, where: os.kill(os.getpid(), signal.SIGKILL)\n"
        "load(DatasetSpec(name='image_folder', folder='photos', image_size=8))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, env=environment()).returncode == -9
    assert list((root / ".decoded").glob(".photos-train-8.npy.*.tmp"))
    assert len(read().train) == 9
    assert not list((root / ".decoded").glob(".*.tmp"))


# A cluster: data that cannot be written, no locks, users with other masks.


def test_decoded_images_may_lie_elsewhere(root, photos, tmp_path, monkeypatch):  # noqa: F811
    before = sorted(root.iterdir())
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path.parent / f"{tmp_path.name}-decoded"))
    first = read()
    assert sorted(root.iterdir()) == before
    assert read().sha256 == first.sha256
    monkeypatch.setenv(cache.VARIABLE, "/proc/none/here")
    assert "cannot write /proc/none/here" in refusal()
    assert cache.VARIABLE in refusal()


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_without_locks_a_warning_and_on(photos, monkeypatch, capsys, code):
    def missing(*arguments):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", missing)
    assert len(read().train) == 9
    assert "the file system has no locks" in capsys.readouterr().err


def test_other_users_may_read_what_one_decoded(root, photos):  # noqa: F811
    root.chmod(0o755)
    mask = os.umask(0o077)
    try:
        read()
    finally:
        os.umask(mask)
    assert (root / ".decoded").stat().st_mode & 0o777 == 0o755
    for path in (root / ".decoded").iterdir():
        if path.suffix in (".npy", ".json"):
            assert path.stat().st_mode & 0o044 == 0o044, path


def test_fewer_images_than_are_listed_are_refused_and_leave_no_copy(root):  # noqa: F811
    one = np.full((3, 8, 8), 7, dtype=np.uint8)
    with pytest.raises(WganlibError, match="set: found 2 images where 3 are listed"):
        cache.decoded("set", {}, 3, (3, 8, 8), iter([lambda: one] * 2))
    assert not (root / ".decoded/set.npy").exists()
    with inspecting() as found:
        cache.decoded("set", {}, 3, (3, 8, 8), iter([lambda: one] * 2))
    assert found.refused == ["set: found 2 images where 3 are listed; unpack the data again"]
