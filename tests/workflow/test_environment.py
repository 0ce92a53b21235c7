"""What is installed, packaged and declared: lock, conda files, schema, layout, safety."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile

import pytest
import yaml
from conftest import BIN, REPOSITORY, environment

from wganlib.planning.params import Config

LOCK = dict(re.findall(r"^([a-z0-9._-]+)==([^ \\;]+)", (REPOSITORY / "requirements.lock").read_text(), re.M))
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
TRACKED = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True).stdout.split("\n")


def name_of(requirement):
    return re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower()


def test_the_lock_has_hashes_no_index_and_the_pinned_torch():
    text = (REPOSITORY / "requirements.lock").read_text() + (REPOSITORY / "requirements-uv.lock").read_text()
    assert not re.search(r"https?://|--index|--find-links", text)
    assert text.count("--hash=sha256:") > 500
    assert (LOCK["torch"], LOCK["torchvision"]) == ("2.13.0", "0.28.0")
    for group in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()):
        assert {name_of(r) for r in group} <= set(LOCK)


def test_conda_environments_pin_what_the_lock_pins_and_name_every_dependency():
    pinned = yaml.safe_load((REPOSITORY / "workflow/envs/wganlib.yaml").read_text())["dependencies"][-1]["pip"]
    assert dict(p.split("==") for p in pinned) == {name_of(r): LOCK[name_of(r)] for r in PROJECT["dependencies"]}


def test_every_rule_names_an_existing_environment_and_a_log():
    for path in (REPOSITORY / "workflow/rules").glob("*.smk"):
        rules = re.split(r"^rule ", path.read_text(), flags=re.M)[1:]
        for rule in rules:
            environment = re.search(r'conda:\s+"\.\./(envs/\w+\.yaml)"', rule)
            assert environment, (path.name, rule[:20])
            assert (REPOSITORY / "workflow" / environment[1]).exists()
            assert "log:" in rule


def test_the_workflow_s_schema_is_the_library_s_model():
    stored = json.loads((REPOSITORY / "workflow/schemas/config.schema.json").read_text())
    assert stored == {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}


def test_a_wheel_builds_and_holds_the_library_alone(tmp_path):
    code = "import hatchling.build, sys; print(hatchling.build.build_wheel(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    assert {n.split("/")[0] for n in names if not n.startswith("wganlib-")} == {"wganlib"}
    assert {"wganlib/py.typed", "wganlib/reporting/templates/experiment.typ"} <= set(names)


def test_help_starts_without_torch_and_every_command_has_it():
    code = "import sys\nfrom wganlib.cli import app\nsys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    for command in ("plan", "train", "classifier", "score", "collect", "report", "check", "sample"):
        done = subprocess.run([str(BIN / "wganlib"), command, "--help"], capture_output=True, text=True, env=environment())
        assert done.returncode == 0
        assert "Usage: wganlib" in done.stdout


@pytest.mark.parametrize(
    "tool", [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"], ["snakefmt", "--check", "workflow"]]
)
def test_style_and_types(tool):
    done = subprocess.run([str(BIN / tool[0]), *tool[1:]], cwd=REPOSITORY, capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_source_file_is_longer_than_400_lines_and_nothing_loads_code():
    for name in TRACKED:
        if name.endswith((".py", ".smk", ".typ")):
            text = (REPOSITORY / name).read_text()
            assert len(text.splitlines()) <= 400, name
            if name.startswith("wganlib/"):
                assert not re.search(r"torch\.load\(|import pickle|pickle\.load|allow_pickle=True", text), name
