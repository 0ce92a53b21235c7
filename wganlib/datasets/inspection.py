"""What `wganlib data verify` notes while it reads a data set's files: what was changed, left out, refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass
class Inspection:
    """Files by what happened to them; each is named as messages name it."""

    changed: dict[str, list[str]] = field(default_factory=dict)
    """By what was done: "16 bits a channel, of which the upper 8 are kept", …"""
    left_out: dict[str, list[str]] = field(default_factory=dict)
    """By their suffix: files that are no images by their names."""
    refused: list[str] = field(default_factory=list)
    """The errors' texts."""

    def note(self, what: str, where: str) -> None:
        """A file was changed in this way."""
        self.changed.setdefault(what, []).append(where)

    def lines(self) -> Iterator[str]:
        """The report: a line a kind with the first file's name, a line a refused file."""
        for heading, kinds in (("changed", self.changed), ("left out", self.left_out)):
            for what, files in sorted(kinds.items()):
                more = f" and {len(files) - 1} more" if len(files) > 1 else ""
                yield f"{heading}: {what}: {files[0]}{more}"
        yield from (f"refused: {text}" for text in self.refused)


_present: ContextVar[Inspection | None] = ContextVar("inspection", default=None)


def inspection() -> Inspection | None:
    """The inspection that is going on, if any: then everything is read anew, and refused files do not end it."""
    return _present.get()


@contextmanager
def inspecting() -> Iterator[Inspection]:
    """Read data sets within: from their files and from no copy, past those that are refused."""
    token = _present.set(Inspection())
    try:
        found = _present.get()
        assert found is not None
        yield found
    finally:
        _present.reset(token)
