"""Typesetting by typst: a template and its numbers become a PDF whose bytes depend on nothing else."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TEMPLATES = Path(__file__).parent / "templates"


def compile_pdf(template: str, numbers: Mapping[str, Any], pictures: Mapping[str, bytes]) -> bytes:
    """Compile `templates/<template>.typ`, which reads `data.json` and the pictures by their file names.

    Numbers travel as a file, never as markup, so that no text in them is taken for a command.
    """
    import typst

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for source in TEMPLATES.glob("*.typ"):
            (root / source.name).write_bytes(source.read_bytes())
        (root / "data.json").write_text(json.dumps(numbers), encoding="utf-8")
        for name, content in pictures.items():
            (root / name).write_bytes(content)
        pdf = typst.compile(str(root / f"{template}.typ"), root=str(root), ignore_system_fonts=True, timestamp=0)
    return bytes(pdf)
