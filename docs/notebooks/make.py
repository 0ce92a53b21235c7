"""Makes training_loop.ipynb of the loop in docs/python.md and runs it; needs nbclient and ipykernel besides the library."""

import re
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
TITLE = "A training loop of your own"
TEXTS = (
    "# A training loop of your own\n\nWGAN-GP on grey rings of 48 × 48 pixels, which a formula makes; more on "
    "[the page](../python.md#a-training-loop-of-your-own).",
    "Networks for this shape, a loss, a penalty, and the loop: five critic steps for each of the generator's.",
    "Real rings above, generated ones below.",
)

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

section = (HERE.parent / "python.md").read_text(encoding="utf-8").split(f"## {TITLE}\n")[1].split("\n## ")[0]
blocks = re.findall(r"```python\n(.*?)\n```", section, re.DOTALL)
notebook = nbformat.v4.new_notebook()
for number, (text, code) in enumerate(zip(TEXTS, blocks, strict=True)):
    cells = [nbformat.v4.new_markdown_cell(text), nbformat.v4.new_code_cell(code)]
    for kind, cell in zip(("text", "code"), cells, strict=True):
        cell.id = f"{kind}-{number}"  # else random: the file would change with every making
    notebook.cells += cells
NotebookClient(notebook, timeout=1800, kernel_name="python3").execute()
for cell in notebook.cells:
    cell.metadata = {}
notebook.metadata = METADATA
nbformat.write(notebook, HERE / "training_loop.ipynb")
