"""The documentation: every part is listed, every example is read or run, tables are made from the library's rows.

To write the tables anew: python -m pytest tests/test_docs.py --record
"""

import doctest
import importlib
import re
import subprocess
import typing
from pathlib import Path

import pytest
import yaml
from catalogue import ENTRIES
from conftest import REPOSITORY, make_spec
from pydantic import TypeAdapter

from wganlib import architectures
from wganlib.architectures import ArchitectureSpec
from wganlib.datasets import DATASETS
from wganlib.errors import parse
from wganlib.methods.constraints import FORMS
from wganlib.methods.method import Clipping, ConstraintSpec, CriticWarmup, MethodSpec, OptimizerSpec
from wganlib.methods.objectives import OBJECTIVES, condition_11
from wganlib.spec.run import RECORDS, Spec

ANY: TypeAdapter[ArchitectureSpec] = TypeAdapter(ArchitectureSpec)


def rows(section):
    """The cells of a section's table in docs/parts.md, its head left out."""
    text = (REPOSITORY / "docs/parts.md").read_text().split(f"## {section}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def table(head, rows):
    """A table in Markdown; columns whose head ends in a colon are aligned to the right."""
    rule = "|".join("--:" if name.endswith(":") else "---" for name in head)
    lines = [" | ".join(cells) for cells in ([name.removesuffix(":") for name in head], *rows)]
    return "\n".join([f"| {lines[0]} |", f"|{rule}|", *(f"| {line} |" for line in lines[1:])]) + "\n"


def objectives():
    head = ["name", "critic, generated", "critic, real", "generator", "(11)", "source", "example"]
    return head, [
        [f"`{name}`", *row.formulas, "yes" if condition_11(row).holds else "no", row.source, f"`objective: {name}`"]
        for name, row in OBJECTIVES.items()
    ]


def forms():
    return ["name", "penalty", "source", "example"], [
        [f"`{name}`", f"λ {row.formula}", row.source, f"`constraint: {{kind: gradient_penalty, form: {name}, weight: 10.0}}`"]
        for name, row in FORMS.items()
    ]


def records():
    return ["name", "columns", "meaning", "source", "example"], [
        [f"`{name}`", ", ".join(f"`{column}`" for column in row.columns), row.meaning, row.source, f"`record: [{name}]`"]
        for name, row in RECORDS.items()
    ]


def datasets():
    return ["name", "examples", "format", "licence", "address"], [
        [f"`{name}`", row.examples, row.format, row.licence, row.address] for name, row in DATASETS.items()
    ]


def pairs_of_networks():
    lines = []
    for name, entry in ENTRIES.items():
        architecture, shape = ANY.validate_python(entry.architecture), entry.shape()
        counts = []
        for side, network in enumerate(("generator", "critic")):
            count = architectures.parameters(architecture, shape, network)
            assert count == entry.expected(side)
            counts.append("none" if count == 0 else f"{count:,}".replace(",", " ") + _mark(entry.derived[side]))
        data = "×".join(map(str, shape.shape)) + (" points" if shape.kind == "points" else "")
        lines.append([name, entry.source, data, *counts, f"`{_flow(entry.architecture)}`"])
    return ["name", "source", "data", "generator:", "critic:", "example"], lines


def _mark(derived):
    return f" *derived*: {derived.replace('*', '·')}" if derived else ""


def _flow(value):
    return yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000).strip()


TABLES = {
    "objectives": ("docs/parts.md", objectives),
    "forms": ("docs/parts.md", forms),
    "records": ("docs/parts.md", records),
    "architectures": ("docs/parts.md", pairs_of_networks),
    "datasets": ("docs/data.md", datasets),
}


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_are_the_library_s(name, request):
    path, content = REPOSITORY / TABLES[name][0], table(*TABLES[name][1]())
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, rest = path.read_text().split(begin)
    present, after = rest.split(end)
    if request.config.getoption("--record"):
        path.write_text(before + begin + content + end + after)
    else:
        assert present == content, f"{path} is not what the library has: write its tables anew (see this file's head)"


@pytest.mark.parametrize(
    "section", ["Objectives", "Constraints", "Forms of the gradient penalty", "Optimisers", "Further options of a method"]
)
def test_every_example_of_a_method_s_part_is_valid(section):
    found = rows(section)
    assert found
    for row in found:
        settings = yaml.safe_load(row[-1].strip("`"))
        base = make_spec(**{"method.batch_size": 64}).method.model_dump(mode="json", exclude_none=True)
        read = parse(MethodSpec, base | settings, row[0]).model_dump(mode="json", exclude_none=True)
        for key, value in settings.items():
            assert value.items() <= read[key].items() if isinstance(value, dict) else read[key] == value


def test_every_kind_of_constraint_and_optimiser_has_a_row():
    constraints = [yaml.safe_load(row[-1].strip("`"))["constraint"] for row in rows("Constraints")]
    kinds = typing.get_args(typing.get_args(ConstraintSpec)[0])
    assert {c["kind"] for c in constraints} == {typing.get_args(m.model_fields["kind"].annotation)[0] for m in kinds}
    assert {c.get("order", "after") for c in constraints if c["kind"] == "clipping"} == set(
        typing.get_args(Clipping.model_fields["order"].annotation)
    )
    optimizers = [yaml.safe_load(row[-1].strip("`"))["critic_optimizer"] for row in rows("Optimisers")]
    members = typing.get_args(typing.get_args(OptimizerSpec)[0])
    assert {o["name"] for o in optimizers} == {typing.get_args(m.model_fields["name"].annotation)[0] for m in members}
    options = {key for row in rows("Further options of a method") for key in yaml.safe_load(row[-1].strip("`"))}
    assert options == {"critic_l2", *(k for k, f in MethodSpec.model_fields.items() if f.default is None)}
    assert CriticWarmup.model_fields.keys() == {"critic_steps", "first_iterations", "every"}


def test_every_example_of_a_record_is_valid():
    for row in rows("What a run may record"):
        settings = yaml.safe_load(row[-1].strip("`"))
        read = parse(Spec, make_spec().model_dump(mode="json", exclude_none=True) | settings | {"numerics": {}}, row[0])
        assert list(read.record) == settings["record"] == [row[0].strip("`")]


def test_the_stated_defaults_and_the_other_readings_exist():
    """In the table of disagreements: a parameter of a family or of clipping, its default, and another value that it takes."""
    families = {
        m.model_fields["family"].annotation.__args__[0]: m for m in typing.get_args(typing.get_args(ArchitectureSpec)[0])
    }
    checked = 0
    for question, parameter, default, other in rows("Where sources disagree"):
        words = re.findall(r"`([a-z_0-9.]+)`", parameter)
        model = next((families[w] for w in words if w in families), Clipping if words[0] == "constraint.order" else None)
        if model is None:
            continue
        first = re.match(r"`?([a-z_0-9]+)`?", default)[1]
        second = re.findall(r"`([a-z_]+)`", other) or re.findall(r"^([0-9])", other)
        if "hidden_units" in words:
            first, second = "3", ["2"]
        field = model.model_fields[words[0].rpartition(".")[2]]
        if field.default is not None and words[0] != "generator":
            assert str(field.default) == first, question
        changed = int(second[0]) if second[0].isdigit() else second[0]
        TypeAdapter(field.annotation).validate_python(changed)
        checked += 1
    assert checked >= 8


@pytest.mark.parametrize("path", [REPOSITORY / "README.md", *sorted(REPOSITORY.glob("*/*.md"))], ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    """To files that git holds, not to what the workflow has made here, and to headings that are there."""
    tracked = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True).stdout.split("\n")
    folders = {str(parent) for name in tracked for parent in Path(name).parents}
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", path.read_text()):
        name, _, anchor = target.partition("#")
        page = (path.parent / name).resolve() if name else path
        assert str(page.relative_to(REPOSITORY)) in {*tracked, *folders}, target
        headings = re.findall(r"^#+ (.*)$", page.read_text(), re.M) if anchor else []
        assert not anchor or anchor in [re.sub(r"[^\w -]", "", text).lower().replace(" ", "-") for text in headings], target


MODULES = sorted(path for path in (REPOSITORY / "wganlib").rglob("*.py") if ">>> " in path.read_text())


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_examples_in_docstrings_run(path):
    name = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0


def _python_blocks(page):
    return re.findall(r"```python\n(.*?)```", (REPOSITORY / page).read_text(), re.DOTALL)


def test_a_loss_of_your_own_takes_15_lines_and_they_run(monkeypatch, capsys):
    (code,) = _python_blocks("docs/own-method.md")
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setitem(OBJECTIVES, "leaky_softplus", None)  # so that the table is put back afterwards
    exec(code, {})
    printed = capsys.readouterr().out
    assert "rising_on_fakes=True" in printed
    assert "iteration 20" in printed
