"""The lock that keeps a second Snakemake out of a working folder."""

import errno
import os

import pytest

from wganlib.errors import WganlibError
from wganlib.planning import snakemake


@pytest.fixture
def answers(monkeypatch):
    """What the file system says when it is asked for the lock."""
    monkeypatch.setattr(snakemake, "_held", [])

    def answer(number):
        def flock(*_):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(snakemake.fcntl, "flock", flock)

    return answer


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_where_the_file_system_has_no_locks_a_line_warns_and_the_workflow_goes_on(tmp_path, answers, capsys, number):
    (tmp_path / "wganlib.lock").write_text("4711")
    answers(number)
    snakemake.hold_folder(tmp_path)
    said = capsys.readouterr()
    assert said.err.startswith("warning: the file system of ")
    assert f"has no locks ({os.strerror(number)}): start no second snakemake" in said.err
    assert len(said.err.splitlines()) == 1
    assert not said.out


@pytest.mark.parametrize("number", [errno.EWOULDBLOCK, errno.EIO, errno.EBADF])
def test_what_is_held_and_what_is_broken_is_refused(tmp_path, answers, number):
    (tmp_path / "wganlib.lock").write_text("4711")
    answers(number)
    words = r"another snakemake \(process 4711\)" if number == errno.EWOULDBLOCK else r"cannot lock .*wganlib\.lock: "
    with pytest.raises(WganlibError, match=words):
        snakemake.hold_folder(tmp_path)
    assert (tmp_path / "wganlib.lock").read_text() == "4711"


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(WganlibError, match=r"cannot lock .*file/x/wganlib\.lock: .*Not a directory"):
        snakemake.hold_folder(tmp_path / "file/x")
