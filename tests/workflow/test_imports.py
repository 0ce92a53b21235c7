"""What each command imports of the libraries that wganlib needs: no job waits for one that it does not use."""

import json
import re
import shutil
import subprocess
import sys

import pytest
from conftest import environment

from wganlib.files import read_json

ALWAYS = {"pydantic", "typer"}
PLAN = ALWAYS | {"filelock", "numpy", "yaml"}
TRAIN = PLAN | {"pyarrow", "safetensors", "torch", "tqdm"}
SCORE = TRAIN | {"PIL", "scipy"}
COLLECT = PLAN | {"PIL", "pandas", "pyarrow"}
LIBRARIES = (
    SCORE | COLLECT | {"cleanfid", "dvc", "lmdb", "matplotlib", "seaborn", "sklearn", "snakemake", "torchvision", "typst"}
)

COMMANDS = {
    "plan": PLAN,
    "list": PLAN,
    "data list": ALWAYS,
    "train SPEC --results NEW": TRAIN,
    "classifier JUDGE --scoring SCORING --results NEW": SCORE,
    "score SPEC --scoring SCORING --classifier FOLDER": SCORE,
    "sample KEY --out NEW.png": TRAIN - {"yaml"} | {"PIL"},
    "collect table2": COLLECT | {"matplotlib", "scipy", "seaborn"},
    "report table2": COLLECT | {"matplotlib", "scipy", "seaborn", "typst"},
    "check results/demo/table2/runs.csv": ALWAYS | {"filelock", "numpy", "pandas", "pyarrow", "scipy"},
}


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_command_imports(built, tmp_path, command):
    folder = shutil.copytree(built, tmp_path / "project")
    run = sorted((folder / "results/runs").iterdir())[0]
    judge = next((folder / "results/classifiers").iterdir())
    words = {
        "SPEC": (run / "spec.json").read_text(),
        "KEY": run.name,
        "JUDGE": json.dumps(read_json(judge / "classifier.json")["spec"]),
        "FOLDER": str(judge),
        "SCORING": json.dumps(read_json(run / "scores.json")["scoring"]),
        "NEW": str(tmp_path / "new"),
        "NEW.png": str(tmp_path / "new.png"),
    }
    arguments = [words.get(word, word) for word in command.split()]
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "wganlib", *arguments],
        cwd=folder,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    lines = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert done.returncode == 0 or command.startswith("check"), lines
    imported = re.findall(r"^import time:.*\| +(\w+)", done.stderr, re.M)
    assert set(imported) & LIBRARIES == COMMANDS[command]
