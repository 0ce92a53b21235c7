"""Typesetting by typst: a template and its numbers become a PDF whose bytes depend on nothing else."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TEMPLATES = Path(__file__).parent / "templates"


PIXELS_PER_INCH = 110


def compile_report(template: str, numbers: Mapping[str, Any], pictures: Mapping[str, bytes]) -> tuple[bytes, bytes]:
    """Compile `templates/<template>.typ`, which reads `data.json` and the pictures by their file names.

    Returns the PDF and a PNG of its first page. Numbers travel as a file, never as markup, so that no text in them is taken
    for a command.
    """
    import typst

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for path in TEMPLATES.glob("*.typ"):
            (root / path.name).write_bytes(path.read_bytes())
        (root / "data.json").write_text(json.dumps(numbers), encoding="utf-8")
        for name, content in pictures.items():
            (root / name).write_bytes(content)
        source = str(root / f"{template}.typ")
        pdf = typst.compile(source, root=str(root), ignore_system_fonts=True, timestamp=0)
        pages = typst.compile(source, root=str(root), ignore_system_fonts=True, format="png", ppi=PIXELS_PER_INCH)
    return bytes(pdf), bytes(pages[0] if isinstance(pages, list) else pages)
