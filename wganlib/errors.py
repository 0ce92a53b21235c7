"""Errors that are the user's to mend: one line that says what was found, what is allowed and what to do."""

import difflib
import errno
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


class WganlibError(Exception):
    """A mistake in the input or the surroundings; the command line prints its text alone and exits with 2."""


def unknown(thing: str, result: str, allowed: Iterable[str]) -> WganlibError:
    """The error for a name that is none of the allowed ones, with the nearest allowed name as advice."""
    names = sorted(allowed)
    near = difflib.get_close_matches(result, names, n=1)
    advice = f"; did you mean {near[0]!r}?" if near else ""
    return WganlibError(f"unknown {thing} {result!r}: allowed are {', '.join(names)}{advice}")


def unreadable(path: Path | str, error: OSError, advice: str) -> WganlibError:
    """The error for a file that the operating system does not give; where the reason is a permission it says so alone."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return WganlibError(f"{path}: may not be read ({error.strerror}); ask whoever owns it, or change its permissions")
    return WganlibError(f"{path}: not readable ({error.strerror or error}); {advice}")


@contextmanager
def fenced(where: Path | str, wanted: str, advice: str, absent: WganlibError | None = None) -> Iterator[None]:
    """Let a foreign parser work within; `wanted`: what the file should be, as "a whole gzip file".

    `absent`: what is said of a missing file, where there is more to say than the advice.

    Raises:
        WganlibError: the parser raised anything at all.
    """
    try:
        yield
    except WganlibError:
        raise
    except FileNotFoundError:
        raise absent or WganlibError(f"{where}: no such file; {advice}") from None
    except MemoryError:
        raise WganlibError(f"{where}: does not fit into memory; {advice}") from None
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise unreadable(where, error, advice) from None
        text = " ".join(str(error).split()) or type(error).__name__
        raise WganlibError(f"{where}: not {wanted} ({text}); {advice}") from None


def parse(model: type[Model], value: Any, where: str) -> Model:
    """Validate plain data (as read from YAML or JSON) strictly against a model.

    Raises:
        WganlibError: one line naming `where`, the path of the key, the value found and what is allowed.
    """
    try:
        return model.model_validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        raise WganlibError(f"{where}: {_first_problem(model, error, value)}") from None
    except (TypeError, ValueError) as error:
        raise WganlibError(f"{where}: not plain data ({error})") from None


def _first_problem(model: type[BaseModel], error: ValidationError, value: Any) -> str:
    problems = error.errors()
    # A misspelt key usually also leaves the right one missing: name the misspelling, it is the cause.
    first = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    path = ".".join(_written(first["loc"], value, first["type"] in ("missing", "extra_forbidden")))
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    if first["type"] == "extra_forbidden":
        key = str(first["loc"][-1])
        names = _names_in(model)
        near = difflib.get_close_matches(key, names, n=1)
        advice = f"did you mean {near[0]!r}?" if near else "remove it"
        return f"{path}: not allowed here; remove it{more}" if key in names else f"{path}: unknown key; {advice}{more}"
    if first["type"] == "missing":
        return f"{path}: required key is missing{more}"
    message = first["msg"].removeprefix("Value error, ")
    result = first["input"]
    # Messages of our own name what they found.
    own = first["type"] == "value_error" or isinstance(result, dict)
    shown = "" if own else f", found {json.dumps(result, default=str)[:80]}"
    return f"{path}: {message}{shown}{more}" if path else f"{message}{more}"


def _written(location: tuple[int | str, ...], value: Any, names_a_key: bool) -> list[str]:
    """The parts of an error's location that stand in the data: pydantic adds the names of a union's members."""
    path = []
    for index, part in enumerate(location):
        known = part in value if isinstance(value, dict) else isinstance(value, list | tuple) and isinstance(part, int)
        if known:
            value = value[part]
        if known or (names_a_key and index == len(location) - 1):
            path.append(str(part))
    return path


def _names_in(model: type[BaseModel]) -> list[str]:
    """Every property name that a model or one of its parts knows."""
    schema = model.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    return sorted({name for part in parts for name in part.get("properties", {})})
