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

FEW = 8
"""So many allowed keys are listed."""

OUR_WORDS = {
    "tuple_type": "a list is needed, as [0, 1]",
    "list_type": "a list is needed, as [0, 1]",
    "dict_type": "a mapping of keys is needed",
    "model_type": "a mapping of keys is needed",
    "too_short": "a list of at least 1 is needed",
}
"""By pydantic's types of problems, instead of its words, which are Python's."""


class WganlibError(Exception):
    """A mistake in the input or the surroundings; the command line prints its text alone and exits with 2."""


REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some of your quota",
    errno.EACCES: "choose a place that you may use, or have its rights changed",
    errno.EPERM: "choose a place that you may use, or have its rights changed",
    errno.EROFS: "choose a place that can be written",
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.ENOMEM: "close other programs",
}
"""What to do where the operating system refuses something, by its reason."""


def refused(error: OSError | MemoryError) -> str:
    """What the operating system refused, in a line."""
    if isinstance(error, MemoryError):
        detail = " ".join(str(error).split())
        return f"out of memory{f' ({detail})' if detail else ''}: close other programs, or ask for less"
    reason = " ".join((error.strerror or str(error) or type(error).__name__).split())
    place = ", ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
    remedy = REMEDIES.get(error.errno or 0)
    return f"{f'{place}: ' if place else ''}{reason}{f'; {remedy}' if remedy else ''}"


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
        raise WganlibError(f"{where}: {_told(model, error, value)}") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise WganlibError(f"{where}: not plain data ({error})") from None


def _told(model: type[BaseModel], error: ValidationError, value: Any) -> str:
    """The first unknown key, which may be the cause of all, and every missing one; else the first of other problems."""
    problems = error.errors()
    unknown_keys, absent = (
        {".".join(_written(p["loc"], value, True)): p["loc"] for p in problems if p["type"] == kind}
        for kind in ("extra_forbidden", "missing")
    )
    words = []
    for path, location in list(unknown_keys.items())[:1]:
        advice, meant = _advice(model, location)
        words.append(f"{path}: {advice}")
        # Misspelt, it is not missing.
        absent.pop(".".join([*path.split(".")[:-1], meant]), None)
    if absent:
        keys = "required key is missing" if len(absent) == 1 else "required keys are missing"
        words.append(f"{', '.join(absent)}: {keys}")
    if not words:
        words.append(_other(problems[0], value))
    others = [p for p in problems if p["type"] not in ("extra_forbidden", "missing")]
    more = max(0, len(unknown_keys) - 1) + len(others) - (not unknown_keys and not absent)
    return "; ".join(words) + (f" (and {more} more)" if more else "")


def _advice(model: type[BaseModel], location: tuple[int | str, ...]) -> tuple[str, str]:
    """What to do about a key that is not known at its place, and the key that was meant; "" where none is near."""
    key, anywhere, here = str(location[-1]), _names_in(model), _names_at(model, location[:-1])
    allowed = f"; allowed are {', '.join(here)}" if 0 < len(here) <= FEW else ""
    if key in anywhere:
        return f"not allowed here; remove it{allowed}", ""
    near = difflib.get_close_matches(key, here or anywhere, n=1)
    return (f"unknown key; did you mean {near[0]!r}?{allowed}", near[0]) if near else (f"unknown key; remove it{allowed}", "")


def _other(problem: Any, value: Any) -> str:
    path, result = ".".join(_written(problem["loc"], value, False)), problem["input"]
    message = OUR_WORDS.get(problem["type"], problem["msg"].removeprefix("Value error, "))
    # Messages of our own name what they found.
    own = problem["type"] == "value_error" or (isinstance(result, dict) and problem["type"] not in OUR_WORDS)
    shown = "" if own else f", found {json.dumps(result, default=str)[:80]}"
    return f"{path}: {message}{shown}" if path else f"{message}{shown}"


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


def _names_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The properties of the part at an error's location; none where it is no part."""
    schema = model.model_json_schema()
    node = schema
    for part in location:
        node = _step(_referred(node, schema), part, schema)
    return sorted(_referred(node, schema).get("properties", {}))


def _referred(node: Any, schema: dict[str, Any]) -> Any:
    """A schema's node behind references, and behind an option that may be left out."""
    while "$ref" in node or len(_choices(node)) == 1:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else _choices(node)[0]
    return node


def _choices(node: Any) -> list[Any]:
    return [one for one in node.get("anyOf", node.get("oneOf", [])) if one.get("type") != "null"]


def _step(node: Any, part: int | str, schema: dict[str, Any]) -> Any:
    """The node of a key, of a list's item, or of a union's member by its tag or its name; an empty one where there is none."""
    if isinstance(part, int):
        return node.get("items", {})
    if part in node.get("properties", {}):
        return node["properties"][part]
    tagged = node.get("discriminator", {}).get("mapping", {}).get(part)
    if tagged:
        return {"$ref": tagged}
    named = [one for one in _choices(node) if _referred(one, schema).get("title") == part]
    more = node.get("additionalProperties")
    return named[0] if named else more if isinstance(more, dict) else {}
