"""docs/python.md: every example runs, every name is there, the notebook is the page's; pairs of networks without a run."""

import ast
import functools
import inspect
import json
import re
import subprocess
import sys
import typing

import pytest
import torch
from catalogue import ENTRIES
from conftest import REPOSITORY, four_run_project, make_data, make_spec, wganlib
from test_architectures import CONSTRAINTS, small_spec

import wganlib as library
from wganlib import architectures
from wganlib.architectures import ArchitectureSpec
from wganlib.errors import WganlibError
from wganlib.training.trainer import Trainer

PAGE = (REPOSITORY / "docs/python.md").read_text()
NOTEBOOK = REPOSITORY / "docs/notebooks/training_loop.ipynb"
FAMILIES = {
    typing.get_args(spec.model_fields["family"].annotation)[0]: spec
    for spec in typing.get_args(typing.get_args(ArchitectureSpec)[0])
}


def section(title):
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def blocks(text):
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def rows(text):
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


NAMES = rows(PAGE.split("\n## ")[0])


def test_importing_is_quick_and_its_names_are_those_of_the_page():
    loaded = "print([m for m in ('torch', 'pydantic', 'numpy', 'pandas', 'yaml') if m in sys.modules])"
    code = f"import sys, wganlib; {loaded}; print(dir(wganlib)); wganlib.load_plan, wganlib.architectures.mnist; {loaded}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, names, second = map(ast.literal_eval, done.stdout.splitlines())
    assert first == []
    assert "torch" not in second
    listed = {name for row in NAMES for name in re.findall(r"`(\w+)[.(]", row[0])}
    assert set(names) == listed | {"WganlibError", "__version__"}
    for name in listed:
        assert getattr(library, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'tarin'"):
        library.tarin  # noqa: B018


@pytest.mark.parametrize("cell", [row[0] for row in NAMES])
def test_the_page_gives_the_signatures(cell):
    """Each call of the first table names the parameters in their order, with the defaults that it gives."""
    for path, arguments in re.findall(r"`([\w.]+)\(([^`]*)\)`", cell):
        function = functools.reduce(getattr, path.split("."), library)
        parameters = inspect.signature(function).parameters
        shown = [argument.strip().partition("=") for argument in arguments.split(", ")]
        for name, _, default in shown:
            assert repr(parameters[name].default).replace("'", '"') == default if default else name in parameters
        names = [name for name in parameters if name in {name for name, _, _ in shown}]
        assert names == [name for name, _, _ in shown]


def test_the_project_s_runs(tmp_path, monkeypatch, capsys):
    four_run_project(tmp_path, 4, 2)
    monkeypatch.chdir(tmp_path)
    train, sample, read = blocks(section("The project's runs"))
    names = {}
    exec(train, names)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert all(re.fullmatch(r"results/runs/digits16-random_set-\S+ ok \d\.\d+", line) for line in lines)
    assert names["scores"] == json.loads((names["run"] / "scores.json").read_text())
    monkeypatch.setattr("wganlib.api.make_classifier", None)  # it is there
    exec(train, names)
    assert capsys.readouterr().out.splitlines() == lines
    exec(sample, names)
    assert names["images"].shape == (64, 1, 16, 16)
    with torch.no_grad():
        again = library.load_generator(str(names["run"]))(torch.zeros(2, 128))
    assert not names["generator"].training
    by_key = library.load_generator(names["run"].name)(torch.zeros(2, 128))
    assert torch.equal(again, by_key)
    assert torch.equal(again, names["generator"](torch.zeros(2, 128)))
    with pytest.raises(WganlibError, match=r"results/demo/table2/runs\.csv: no such file"):
        exec(read, names)
    assert wganlib(tmp_path, "collect", "table2").returncode == 0
    exec(read, names)
    table = names["table"]
    assert len(table) == 4
    assert sorted(table["run"]) == sorted(path.name for path in (tmp_path / "results/runs").iterdir())
    assert library.read_results("table2").equals(table)
    (tmp_path / "results/demo").rename(tmp_path / "elsewhere")
    assert library.read_results("table2", "elsewhere", tmp_path).equals(table)
    (tmp_path / "elsewhere").rename(tmp_path / "results/demo")
    with pytest.raises(
        WganlibError, match="unknown experiment in results/demo 'tabel2': allowed are table2; did you mean 'table2'"
    ):
        library.read_results("tabel2")


def test_train_takes_plain_data_and_answers_mistakes_in_a_line(tmp_path):
    spec = make_spec()
    data = json.loads(spec.canonical())
    folder = library.train(data, tmp_path / "results", device="cpu")
    assert folder == tmp_path / "results/runs" / spec.key
    assert (folder / "provenance.json").exists()
    assert library.train(spec, str(tmp_path / "results")) == folder
    with pytest.raises(WganlibError, match=r"^spec: method: required key is missing$"):
        library.train({name: value for name, value in data.items() if name != "method"}, tmp_path)
    with pytest.raises(WganlibError, match="no such run; train it first"):
        library.load_generator(tmp_path / "results/runs/other")


def test_outside_the_project_s_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for function in (library.load_plan, lambda: library.read_results("table2")):
        with pytest.raises(
            WganlibError, match="params/scales: no such folder; run this in the project's folder, or name its folder"
        ):
            function()
    assert library.load_plan(str(REPOSITORY / "params"), "demo").scale == "demo"


NETWORKS = rows(section("Networks for your own data"))


def test_every_family_has_a_row():
    assert [row[0].strip("`") for row in NETWORKS] == list(FAMILIES)


@pytest.mark.parametrize("call", [row[2].strip("`") for row in NETWORKS])
def test_every_call_makes_a_pair_for_its_shape(call):
    shape = ast.literal_eval(re.search(r"\(\([^)]*\)", call)[0][1:])
    width = "" if "width" in call else ", width=0.125"
    pair = eval(call[:-1] + width + ")", {name: getattr(architectures, name) for name in FAMILIES})
    labels = torch.tensor([0, 1]) if "classes" in call else None
    made = pair.generator(torch.randn(2, pair.latent_size), labels)
    assert made.shape == (2, *shape)
    assert pair.critic(made).shape == (2, 6 if labels is not None else 1)


@pytest.mark.parametrize("name", ENTRIES)
def test_a_pair_has_the_weights_of_a_run_of_its_seed(name):
    spec = small_spec(name, CONSTRAINTS["none"])
    data = spec.dataset.shape
    options = spec.architecture.model_dump(exclude={"family"})
    make = getattr(architectures, spec.architecture.family)
    if options.get("generator") == "given":
        with pytest.raises(WganlibError, match=r"^toy: generator 'given' needs a data set"):
            make(data.shape, data.classes, data.low, spec.seed, **options)
        return
    pair = make(data.shape, data.classes, data.low, spec.seed, **options)
    trainer = Trainer(spec, make_data(spec.dataset), torch.device("cpu"))
    assert pair.latent_size == spec.architecture.latent_size
    assert (pair.generator is None) == (not trainer.trains_generator)
    for ours, theirs in ((pair.generator or torch.nn.Module(), trainer.generator), (pair.critic, trainer.critic)):
        weights = theirs.state_dict()
        assert ours.state_dict().keys() == weights.keys()
        assert all(torch.equal(value, weights[key]) for key, value in ours.state_dict().items())


def test_another_seed_has_other_weights():
    first, second = (architectures.toy((2,), seed=seed).critic.state_dict() for seed in (0, 1))
    assert not torch.equal(first["hidden1.weight.weight"], second["hidden1.weight.weight"])


@pytest.mark.parametrize("family", FAMILIES)
def test_the_options_are_those_of_the_family_s_spec(family):
    function = getattr(architectures, family)
    parameters = dict(inspect.signature(function).parameters)
    assert list(parameters)[:4] == ["shape", "classes", "low", "seed"]
    fields = {name: field for name, field in FAMILIES[family].model_fields.items() if name != "family"}
    assert list(parameters)[4:] == list(fields)
    for name, field in fields.items():
        assert parameters[name].default == (inspect.Parameter.empty if field.is_required() else field.default)
    assert function.__name__ == family
    assert inspect.cleandoc(FAMILIES[family].__doc__) in function.__doc__


@pytest.mark.parametrize(
    ("family", "options", "message"),
    [
        ("mnist", {"shape": (1, 30, 30)}, "mnist: makes images whose side is a multiple of 4, at least 8: found image_size 30"),
        ("mnist", {"shape": (1, 28, 32)}, "mnist: makes square images, found 28 x 32"),
        ("mnist", {"shape": (1, 28, 28)}, "mnist: ends in sigmoid, found data in [-1, 1]: use output 'tanh'"),
        ("mnist", {"shape": (1, 28, 28), "low": 0.5}, "mnist: found low 0.5, allowed are -1.0 and 0.0"),
        ("mnist", {"shape": (1, 28, 28), "outptu": "tanh"}, "mnist: outptu: unknown key; did you mean 'output'?"),
        ("mnist", {"shape": (1, 28, 28), "width": 0}, "mnist: width: Input should be greater than 0, found 0"),
        ("lsun_resnet", {"shape": (3, 48, 48)}, "lsun_resnet: makes images whose side is a multiple of 32"),
        (
            "lsun_resnet",
            {"shape": (3, 32, 32), "low": 0.0},
            "lsun_resnet: ends in tanh, found data in [0, 1]: use data in [-1, 1]",
        ),
        ("wgan", {"shape": (3, 24, 24)}, "wgan: makes images whose side is 4 doubled one or more times: found image_size 24"),
        (
            "language",
            {"shape": (3, 24, 24)},
            "language: makes text, found a data set of images: use another architecture family",
        ),
        ("cifar_resnet", {"shape": (2,)}, "cifar_resnet: makes images, found a data set of points"),
        ("cifar_resnet", {"shape": (3, 32, 32), "conditional": True}, "cifar_resnet: conditional asks for labels"),
        *[
            ("toy", {"shape": shape}, f"toy: found shape {shape!r}, allowed are (channels, side, side) of images")
            for shape in ((), (2.0,), (0,), 2, (1, 2, 3, 4))
        ],
        ("toy", {"shape": (2,), "seed": -1}, "toy: found seed -1, allowed are whole numbers from 0"),
        ("toy", {"shape": (2,), "dense": True}, "toy: dense has no generator of its form"),
    ],
)
def test_what_a_family_cannot_make_is_refused_in_a_line(family, options, message):
    with pytest.raises(WganlibError) as error:
        getattr(architectures, family)(**options)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


LOOP = blocks(section("A training loop of your own"))


def test_a_training_loop_of_your_own_takes_20_lines_and_they_run(monkeypatch, capsys):
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    data, loop, picture = LOOP
    assert len([line for line in loop.splitlines() if line.strip()]) <= 20
    names = {}
    exec(data, names)
    before = names["rings"](4)
    assert before.shape == (4, 1, 48, 48)
    assert -1 <= float(before.min()) < -0.9 < 0.9 < float(before.max()) <= 1
    shorter = loop.replace("range(1, 201)", "range(1, 3)").replace("% 50", "% 2")
    exec(shorter, names)
    assert re.fullmatch(r"iteration 2: critic's loss -?\d+\.\d\d\n", capsys.readouterr().out)
    initial = architectures.cifar_dcgan((1, 48, 48), critic_normalization="layer", width=0.125)
    still = {"generator": set(), "critic": {"output.weight.bias"}}  # the value's offset has no gradient
    for network in ("generator", "critic"):
        weights = getattr(initial, network).state_dict()
        moved = {key for key, now in names[network].state_dict().items() if not torch.equal(now, weights[key])}
        assert moved == weights.keys() - still[network], network
    exec(picture, names)
    assert names["made"].shape == (16, 1, 48, 48)


def test_the_notebook_is_the_page_s_loop_executed():
    text = NOTEBOOK.read_text()
    notebook = json.loads(text)
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert ["".join(cell["source"]) for cell in cells] == [block.rstrip("\n") for block in LOOP], (
        "docs/notebooks/training_loop.ipynb is not docs/python.md's loop: make it anew by docs/notebooks/make.py"
    )
    assert [cell["execution_count"] for cell in cells] == [1, 2, 3]
    assert not [output for cell in cells for output in cell["outputs"] if output["output_type"] == "error"]
    printed = "".join(line for output in cells[1]["outputs"] for line in output["text"])
    assert re.findall(r"iteration (\d+)", printed) == ["50", "100", "150", "200"]
    assert any("image/png" in output.get("data", {}) for output in cells[2]["outputs"])
    assert len(text) < 150_000
    assert not re.search(r"/(work|home|root|tmp|Users|usr)/", re.sub(r'"image/png": "[^"]*"', "", text))
