"""The readers of YAML and JSON: what is not what it looks like is refused, with file and line."""

import pytest
import yaml
from conftest import REPOSITORY, copy_params, make_spec, wganlib

from wganlib.errors import WganlibError
from wganlib.files import read_json
from wganlib.planning.params import read_yaml
from wganlib.planning.plan import load_plan, read_spec
from wganlib.spec.run import Spec


def read(tmp_path, text):
    path = tmp_path / "file.yaml"
    path.write_text(text)
    return read_yaml(path)


def message(tmp_path, text):
    """The one line of the refusal, from the file's name on."""
    with pytest.raises(WganlibError) as error:
        read(tmp_path, text)
    text = str(error.value)
    assert text.startswith(f"{tmp_path}/file.yaml:")
    assert "\n" not in text
    return text.removeprefix(f"{tmp_path}/")


@pytest.mark.parametrize(
    ("text", "line", "key", "first"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "a", 1),
        ("a:\n  b: 1\n  c: 2\n  'b': 1\n", 4, "b", 2),
        ("- x\n- {a: 1,\n   a: 1}\n", 3, "a", 2),
        ("base: &base {a: 1}\nb:\n  <<: *base\n  <<: *base\n", 4, "<<", 3),
        ("base: &base {a: 1}\nb:\n  <<: *base\n  a: 1\n  a: 2\n", 5, "a", 4),
        ("base: &base\n  a: 1\n  a: 2\nb: {<<: *base}\n", 3, "a", 2),
        ("? a\n: {b: 1}\na: 3\n", 3, "a", 1),
    ],
)
def test_a_key_given_twice_is_refused(tmp_path, text, line, key, first):
    assert message(tmp_path, text) == f"file.yaml:{line}: key {key!r} stands in line {first} too: keep one of them"


@pytest.mark.parametrize(
    ("key", "meaning"),
    [
        *[(key, "true") for key in ("on", "yes", "On", "YES", "true")],
        *[(key, "false") for key in ("off", "no", "No", "false")],
        ("010", "8"),
        ("10", "10"),
        ("0x1F", "31"),
        ("1_000", "1000"),
        ("12:30", "750"),
        ("1.5", "1.5"),
        ("2017-01-26", "a timestamp"),
        *[(key, "null") for key in ("null", "~", "Null")],
    ],
)
def test_a_key_that_is_not_text_is_refused(tmp_path, key, meaning):
    expected = f"a key is text, found {key}, which YAML reads as {meaning}: write it in quotes"
    assert message(tmp_path, f"first:\n  options:\n    {key}: 1\n") == f"file.yaml:3: {expected}"
    assert read(tmp_path, f"first:\n  options:\n    '{key}': 1\n") == {"first": {"options": {key: 1}}}


@pytest.mark.parametrize(("text", "kind"), [("? [1, 2]\n: x\n", "seq"), ("? {a: 1}\n: x\n", "map")])
def test_a_key_of_several_parts_is_refused(tmp_path, text, kind):
    assert message(tmp_path, text) == f"file.yaml:1: a key is text, found {kind}: write it in quotes"


@pytest.mark.parametrize(
    ("value", "meaning", "better"),
    [
        *[(value, "true", "true") for value in ("yes", "on", "Yes")],
        *[(value, "false", "false") for value in ("no", "off", "OFF")],
        ("010", "8", "8"),
        ("-010", "-8", "-8"),
        ("0x1F", "31", "31"),
        ("0b11", "3", "3"),
        ("1_000", "1000", "1000"),
        ("12:30", "750", "750"),
        ("1_0.5", "10.5", "10.5"),
        ("12:30.5", "750.5", "750.5"),
        ("1e-4", "text", "1.0e-4"),
        ("-2E5", "text", "-2.0e+5"),
        ("1.e5", "text", "1.0e+5"),
        ("1.25e5", "text", "1.25e+5"),
        ("2017-01-26", "a timestamp", None),
        ("2017-13-45", "a timestamp", None),
        ("!!binary abcd", "a binary", None),
    ],
)
@pytest.mark.parametrize("place", ["b: {}", "b: [1, {}]"])
def test_a_value_that_yaml_takes_for_another_is_refused(tmp_path, value, meaning, better, place):
    shown = value.removeprefix("!!binary ")
    advice = (f"write {better}, or " if better else "") + "write it in quotes if text is meant"
    expected = f"file.yaml:2: found {shown}, which YAML reads as {meaning}: {advice}"
    assert message(tmp_path, f"a: 1\n{place.format(value)}\n") == expected
    assert read(tmp_path, f"a: 1\n{place.format(repr(shown))}\n")["b"] in (shown, [1, shown])
    if better:
        expected = yaml.safe_load(value) if meaning != "text" else float(value)
        assert read(tmp_path, better) == expected


@pytest.mark.parametrize("text", ["a: !!set {x}\n", "a: !!omap [x: 1]\n"])
def test_other_collections_are_refused(tmp_path, text):
    assert message(tmp_path, text).startswith("file.yaml:1: found !!")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("a: 1.0e-4\nb: -3\nc: .5\nd: 0\ne: 1.0e+5\nf: +7\n", {"a": 1e-4, "b": -3, "c": 0.5, "d": 0, "e": 1e5, "f": 7}),
        ("a: true\nb: False\nc: null\nd: ~\ne:\n", {"a": True, "b": False, "c": None, "d": None, "e": None}),
        ("a: 1 % of 1e5\nb: 0.5*gan\nc: >-\n  1e5\n  010\n", {"a": "1 % of 1e5", "b": "0.5*gan", "c": "1e5 010"}),
        ("ä: 'Fréchet – ×'\n", {"ä": "Fréchet – ×"}),
        (
            "a: &x {q: 1, r: 2}\nb: {<<: *x, q: 3}\nc: *x\n",
            {"a": {"q": 1, "r": 2}, "b": {"q": 3, "r": 2}, "c": {"q": 1, "r": 2}},
        ),
        (
            "a: &x {q: 1}\nb: &y {q: 2, r: 2}\nc:\n  <<: [*x, *y]\n  s: 3\n",
            {"a": {"q": 1}, "b": {"q": 2, "r": 2}, "c": {"q": 1, "r": 2, "s": 3}},
        ),
    ],
)
def test_what_is_what_it_looks_like_is_read(tmp_path, text, value):
    assert read(tmp_path, text) == value


@pytest.mark.parametrize(
    "text", ["a: [", "\t", "1\n---\n2", "a: !!int x", "a: !!float x", "[" * 5000 + "]" * 5000, "a: *nowhere", "a: {<<: 1}"]
)
def test_what_is_not_yaml_is_refused_in_one_line(tmp_path, text):
    assert ": not readable as YAML (" in message(tmp_path, text)


def test_every_file_of_parameters_is_read_as_pyyaml_reads_it():
    paths = sorted((REPOSITORY / "params").rglob("*.yaml"))
    assert len(paths) > 40
    for path in paths:
        assert read_yaml(path) == yaml.safe_load(path.read_text())


def test_a_second_seed_list_in_an_experiment_is_refused_where_it_stands(tmp_path):
    path = copy_params(tmp_path) / "experiments/check.yaml"
    lines = path.read_text().splitlines()
    at = next(index for index, line in enumerate(lines) if line.strip().startswith("seeds:"))
    path.write_text("\n".join([*lines[: at + 1], lines[at], *lines[at + 1 :]]))
    with pytest.raises(WganlibError, match=rf"check\.yaml:{at + 2}: key 'seeds' stands in line {at + 1} too"):
        load_plan(tmp_path / "params")


REPEATED = [
    ('{"a": 1,\n "b": {"a": 2},\n "a": 3}', "a", 3),
    ('[{"a": {"b": 1,\n"c": [{"b": 2}],\n\n"b": "}{\\"b\\":"}}]', "b", 4),
    ('{"a": "b",\n"b": "b",\n"b": 2}', "b", 3),
    ('{"seed": 1, "s\\u0065ed": 2}', "seed", 1),
    ('{"a:": "\\\\", "b": {"x": "a:"},\n"a:" : 2}', "a:", 2),
]


@pytest.mark.parametrize(("text", "key", "line"), REPEATED)
def test_a_key_given_twice_in_json_is_refused(tmp_path, text, key, line):
    (tmp_path / "spec.json").write_text(text)
    with pytest.raises(WganlibError) as error:
        read_json(tmp_path / "spec.json")
    assert str(error.value) == f"{tmp_path}/spec.json:{line}: key {key!r} stands twice in its object; keep one of them"


def test_a_spec_with_a_key_given_twice_is_refused(tmp_path):
    text = make_spec().canonical()
    assert read_spec(Spec, text, "spec") == make_spec()
    twice = text.replace('"seed":3', '"seed":3,"seed":4')
    with pytest.raises(WganlibError, match=r"^spec:1: key 'seed' stands twice"):
        read_spec(Spec, twice, "spec")
    (tmp_path / "spec.json").write_text(twice)
    with pytest.raises(WganlibError, match=r"spec\.json:1: key 'seed' stands twice"):
        read_spec(Spec, str(tmp_path / "spec.json"), "spec")
    with pytest.raises(WganlibError, match=r"^spec: not readable as JSON"):
        read_spec(Spec, '{"seed": 3', "spec")


@pytest.mark.parametrize(
    ("folder", "name", "words"),
    [
        ("experiments", "my exp.yaml", ["found the name 'my exp'", "rename it, for example to my_exp.yaml"]),
        ("experiments", "v1.0+x.yaml", ["found the name 'v1.0+x'", "v1_0_x.yaml"]),
        ("experiments", "-n.yaml", ["the first a letter or a digit", "to n.yaml"]),
        ("experiments", "$(true).yaml", ["to true.yaml"]),
        ("experiments", "größe.yaml", ["letters from a to z", "gr_e.yaml"]),
        ("experiments", "claims.yaml", ["the name 'claims' stands for something else"]),
        ("experiments", "again.yml", ["found the suffix .yml", "rename it to again.yaml"]),
        ("experiments", "again.YAML", ["found the suffix .YAML", "rename it to again.yaml"]),
        ("methods", "wgan gp.yaml", ["found the name 'wgan gp'"]),
        ("methods", "mine.yml", ["rename it to mine.yaml"]),
        ("scales", "1.5x.yaml", ["found the name '1.5x'"]),
        ("scales", "runs.yaml", ["the name 'runs' stands for something else"]),
        ("scales", "night.yml", ["rename it to night.yaml"]),
    ],
)
def test_a_file_whose_name_cannot_be_a_folder_and_a_shell_s_word_is_refused(tmp_path, folder, name, words):
    params = copy_params(tmp_path)
    like = {"experiments": "elu", "methods": "wgan", "scales": "demo"}[folder]
    path = params / folder / name
    path.write_text((params / folder / f"{like}.yaml").read_text())
    with pytest.raises(WganlibError) as error:
        load_plan(params)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_files_that_are_no_parameters_and_hidden_ones_are_left_alone(tmp_path):
    params = copy_params(tmp_path)
    for name in ("notes.txt", "elu.yaml~", ".#elu.yaml", "._elu.yaml", "elu.yaml.orig"):
        (params / "experiments" / name).write_text("a: [")
    assert load_plan(params).experiments.keys() == load_plan(REPOSITORY / "params").experiments.keys()


def test_a_file_with_the_other_suffix_is_named_where_one_is_missing(tmp_path):
    params = copy_params(tmp_path)
    (params / "config.yaml").rename(params / "config.yml")
    with pytest.raises(WganlibError, match=r"config\.yaml: no such file; rename .*config\.yml$"):
        load_plan(params)


def test_outside_the_project_s_folder_the_plan_says_where_to_run_it(tmp_path):
    for arguments in (["plan"], ["plan", "--scale", "demo"], ["list"]):
        done = wganlib(tmp_path, *arguments)
        assert done.returncode == 2
        assert done.stderr.startswith(
            "error: params/scales: no such folder; run this in the project's folder, or name its folder"
        )
        assert "--params DIR" in done.stderr


def test_a_scale_that_does_not_exist_is_answered_with_those_that_do():
    with pytest.raises(WganlibError, match=r"^unknown scale 'demoo': allowed are .*demo, .*paper.*; did you mean 'demo'\?$"):
        load_plan(REPOSITORY / "params", "demoo")
