"""The documentation: every part is listed, every example is read or run, the table of architectures is generated.

To write the table anew: WGANLIB_RECORD_DOCS=1 python -m pytest tests/test_docs.py
"""

import doctest
import importlib
import os
import re
import typing

import pytest
import yaml
from catalogue import ENTRIES
from conftest import REPOSITORY, make_spec
from pydantic import TypeAdapter
from wganlib.numerics import names

from wganlib import architectures
from wganlib.architectures import ArchitectureSpec
from wganlib.errors import parse
from wganlib.methods.method import Clipping, CriticWarmup, GradientPenalty, MethodSpec, OptimizerSpec
from wganlib.methods.objectives import condition_11, objective
from wganlib.spec.run import Spec
from wganlib.training.records import COLUMNS

PARTS = REPOSITORY / "docs/parts.md"
BEGIN, END = "<!-- architectures -->\n", "<!-- /architectures -->"
ANY: TypeAdapter[ArchitectureSpec] = TypeAdapter(ArchitectureSpec)


def rows(section):
    """The cells of a section's table, its head left out."""
    text = PARTS.read_text().split(f"## {section}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def table():
    """The table of architectures, in Markdown."""
    lines = ["| name | source | data | generator | critic | example |", "|---|---|---|--:|--:|---|"]
    for name, entry in ENTRIES.items():
        architecture, shape = ANY.validate_python(entry.architecture), entry.shape()
        counts = []
        for side, network in enumerate(("generator", "critic")):
            count = architectures.parameters(architecture, shape, network)
            assert count == entry.expected(side)
            counts.append("none" if count == 0 else f"{count:,}".replace(",", " ") + _mark(entry.derived[side]))
        data = "×".join(map(str, shape.shape)) + (" points" if shape.kind == "points" else "")
        example = f"`{_flow(entry.architecture)}`"
        lines.append("| " + " | ".join([name, entry.source, data, *counts, example]) + " |")
    return "\n".join(lines) + "\n"


def _mark(derived):
    return f" *derived*: {derived.replace('*', '·')}" if derived else ""


def _flow(value):
    return yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000).strip()


def test_the_table_of_architectures_is_the_library_s():
    text = PARTS.read_text()
    before, rest = text.split(BEGIN)
    found, after = rest.split(END)
    if os.environ.get("WGANLIB_RECORD_DOCS"):
        PARTS.write_text(before + BEGIN + table() + END + after)
        return
    assert found == table(), "docs/parts.md is not what the library has: record it anew (see this file's head) and read it"
    assert {entry.architecture["family"] for entry in ENTRIES.values()} == set(names("architecture"))


def test_every_objective_is_listed_with_what_the_check_of_condition_11_finds():
    listed = {row[0].strip("`"): row for row in rows("Objectives")}
    unlisted = set(names("objective")) ^ set(listed)
    assert not unlisted, f"docs/parts.md, table of objectives: {sorted(unlisted)} stands on one side alone"
    for name, row in listed.items():
        assert row[4] == ("yes" if condition_11(objective(name)).holds else "no"), name
        assert yaml.safe_load(row[-1].strip("`"))["objective"] == name


@pytest.mark.parametrize("section", ["Objectives", "Constraints", "Optimisers", "Further options of a method"])
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
    assert {c["kind"] for c in constraints} == set(names("constraint"))
    forms = set(typing.get_args(GradientPenalty.model_fields["form"].annotation))
    assert {c["form"] for c in constraints if "form" in c} == forms
    assert {c.get("order", "after") for c in constraints if c["kind"] == "clipping"} == set(
        typing.get_args(Clipping.model_fields["order"].annotation)
    )
    optimizers = [yaml.safe_load(row[-1].strip("`"))["critic_optimizer"] for row in rows("Optimisers")]
    members = typing.get_args(typing.get_args(OptimizerSpec)[0])
    assert {o["name"] for o in optimizers} == {typing.get_args(m.model_fields["name"].annotation)[0] for m in members}
    options = {key for row in rows("Further options of a method") for key in yaml.safe_load(row[-1].strip("`"))}
    assert options == {"critic_l2", *(k for k, f in MethodSpec.model_fields.items() if f.default is None)}
    assert CriticWarmup.model_fields.keys() == {"critic_steps", "first_iterations", "every"}


def test_what_a_run_may_record_is_listed_with_the_columns_it_adds():
    listed = {}
    for row in rows("What a run may record"):
        settings = yaml.safe_load(row[-1].strip("`"))
        read = parse(Spec, make_spec().model_dump(mode="json", exclude_none=True) | settings | {"numerics": {}}, row[0])
        assert list(settings) == ["record"]
        assert list(read.record) == settings["record"] == [row[0].strip("`")]
        listed[row[0].strip("`")] = tuple(re.findall(r"`([a-z_]+)`", row[1]))
    assert listed == COLUMNS
    assert set(listed) == set(names("record"))


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


MODULES = ["method", "objectives", "constraints", "optimizers", "records"]


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings_run(module):
    result = doctest.testmod(importlib.import_module(f"wganlib.{module}"))
    assert result.attempted > 0
    assert result.failed == 0


def _python_blocks(page):
    return re.findall(r"```python\n(.*?)```", (REPOSITORY / page).read_text(), re.DOTALL)


def test_a_loss_of_your_own_takes_15_lines_and_they_run(monkeypatch, capsys):
    from wganlib import numerics
    from wganlib.methods import objectives

    (code,) = _python_blocks("docs/own-method.md")
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    monkeypatch.chdir(REPOSITORY)
    kept = dict(objectives.OBJECTIVES), dict(numerics.NUMERICS)
    try:
        exec(code, {})
    finally:
        for table, before in zip((objectives.OBJECTIVES, numerics.NUMERICS), kept, strict=True):
            table.clear()
            table.update(before)
    printed = capsys.readouterr().out
    assert "rising_on_fakes=True" in printed
    assert "iteration 20" in printed
