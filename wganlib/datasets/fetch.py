"""Downloads of official files: resumed where they stopped, checked, put in place whole, unpacked safely."""

import hashlib
import os
import shutil
import tarfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

from tqdm import tqdm

from wganlib.datasets import DATASETS
from wganlib.datasets.data_root import data_root
from wganlib.datasets.sources import Source
from wganlib.errors import WganlibError
from wganlib.files import read_object, write_json

CHUNK = 1 << 20
TIMEOUT_SECONDS = 60
RECORD = "checksums.json"
"""Below DATA_ROOT: sha256 of files that have no published checksum, as the first download found them."""


def fetch(name: str) -> list[str]:
    """Download and unpack the official files of a data set that are not there yet; returns what was done, a line a file.

    Raises:
        WganlibError: the data set has no official files to download, the network fails, or a file is not what it should be.
    """
    sources = DATASETS[name].sources
    if not sources:
        raise WganlibError(
            f"{name}: has no files that can be downloaded (it is embedded, drawn, a folder of your own, or needs an account: "
            "see docs/data.md); those that can: " + ", ".join(other for other, row in DATASETS.items() if row.sources)
        )
    root = data_root()
    return [_fetch_one(name, source, root) for source in sources]


def _fetch_one(name: str, source: Source, root: Path) -> str:
    if (root / source.makes).exists():
        return f"{root / source.makes}: there"
    path = root / source.path
    if not path.exists():
        by_hand = f"put {name}'s {path.name} there by hand, as {path}"
        download(source.url, path, _known_checksum(source, root), by_hand, None if source.checksum else root / RECORD)
        if source.makes != source.path and not _is_archive(path):
            path.unlink()
            raise WganlibError(f"{source.url}: sent something that is no archive; it is deleted: try again later, or {by_hand}")
    # Recorded once it is known to be what it should be: a quota's page in its place must not bar the true file for ever.
    result = checksum(path, "sha256") if _known_checksum(source, root) is None else None
    if source.makes != source.path:
        unpack(path, path.parent)
        if not (root / source.makes).exists():
            raise WganlibError(f"{path}: unpacked, but it has no {source.makes}; delete it and fetch it again")
        path.unlink()
    remark = ""
    if result is not None:
        recorded = read_object(root / RECORD) if (root / RECORD).exists() else {}
        write_json(root / RECORD, recorded | {source.path: result})
        remark = f"; no checksum is published: recorded sha256 {result} in {root / RECORD}"
    return f"{root / source.makes}: fetched{remark}"


def _known_checksum(source: Source, root: Path) -> str | None:
    if source.checksum is not None or not (root / RECORD).exists():
        return source.checksum
    recorded = read_object(root / RECORD).get(source.path)
    return f"sha256:{recorded}" if recorded else None


def _is_archive(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path) or tarfile.is_tarfile(path)
    except Exception:
        return False


def checksum(path: Path, algorithm: str) -> str:
    """Hexadecimal digest of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def download(url: str, path: Path, expected: str | None, by_hand: str, record: Path | None = None) -> None:
    """Download a file to `path`, which then has the checksum `expected` ("md5:..." or "sha256:...", or None for any).

    What arrives is kept in `<path>.part`; a later call asks for the rest alone. `record`: the file in which an earlier
    download recorded the checksum that none has published; what differs from that is kept, since the earlier one may be wrong.

    Raises:
        WganlibError: the network or the server fails, the server sends a web page, the disk is full, or the checksum is
            another one.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _download_rest(url, part)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        raise WganlibError(f"cannot download {url} ({reason}); try again to go on where it stopped, or {by_hand}") from None
    except OSError as error:
        raise WganlibError(f"cannot write {part}: {error.strerror or error}; free some space or set DATA_ROOT") from None
    if expected is not None:
        algorithm, _, wanted = expected.partition(":")
        result = checksum(part, algorithm)
        if result != wanted and record is not None:
            raise WganlibError(
                f"{url}: {algorithm} {result}, but {record} says {wanted}, as an earlier download found it: if that was wrong, "
                f"take {path.name}'s entry out of it and call again ({part} is kept); or {by_hand}"
            )
        if result != wanted:
            part.unlink()
            raise WganlibError(
                f"{url}: {algorithm} {result}, expected {wanted}; what was downloaded is deleted: try again, or {by_hand}"
            )
    os.replace(part, path)


def _download_rest(url: str, part: Path) -> None:
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:
            return  # nothing is left: the part is the whole file
        raise
    with response:
        if response.headers.get_content_type() == "text/html":
            raise WganlibError(f"{url}: sent a web page instead of the file: log in to the network, or try again later")
        resumed = response.status == 206
        rest = int(response.headers.get("Content-Length") or 0)
        total = (have if resumed else 0) + rest
        with (
            part.open("ab" if resumed else "wb") as stream,
            tqdm(
                total=total or None, initial=have if resumed else 0, unit="B", unit_scale=True, desc=part.stem, disable=None
            ) as bar,
        ):
            while block := response.read(CHUNK):
                stream.write(block)
                bar.update(len(block))
    if rest and part.stat().st_size < total:
        raise ConnectionError(f"{part.stat().st_size} of {total} bytes arrived")


def unpack(path: Path, folder: Path) -> None:
    """Unpack a zip or tar archive into a folder, all of it or nothing; names that lead outside of it are refused.

    Raises:
        WganlibError: the archive is damaged, unsafe, or does not fit on the disk.
    """
    temporary = folder / f".{path.name}.{os.getpid()}.tmp"
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                outside = [n for n in archive.namelist() if n.startswith("/") or ".." in Path(n).parts]
                if outside:
                    raise WganlibError(f"{path}: holds the unsafe name {outside[0]!r}; nothing was unpacked")
                archive.extractall(temporary)
        else:
            with tarfile.open(path) as archive:
                archive.extractall(temporary, filter="data")
        for made in sorted(temporary.iterdir()):
            target = folder / made.name
            if target.is_dir():
                shutil.rmtree(target)
            os.replace(made, target)
    except WganlibError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise WganlibError(f"cannot unpack {path}: {error.strerror}; free some space or set DATA_ROOT") from None
        # Beside their own errors the readers raise those of the compression and of numbers that make no sense.
        raise WganlibError(f"{path}: not a whole archive ({error}); delete it and fetch it again") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
