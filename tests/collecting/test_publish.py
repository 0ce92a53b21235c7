"""What `wganlib publish` copies, refuses and removes, and that what git holds is what its manifests say."""

import hashlib
import io
import json
import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY, committed_plan, wganlib
from PIL import Image

from wganlib import layout
from wganlib.collecting.publish import PREVIEW_BYTES, TABLES, preview, publish
from wganlib.errors import WganlibError

PLAN = committed_plan()
SCORED, ALONE = "elu", "table1"
"""An experiment with runs, and one whose report is made from the plan alone."""


def page(side=40, seed=0):
    """A PNG of noise, which does not compress."""
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def make(root, name, **columns):
    """Tables and report of an experiment as `collect` and `report` leave them; `columns` replace those of `runs.csv`."""
    folder = layout.table_folder(root / "results", "demo", name)
    folder.mkdir(parents=True)
    keys = [entry.run for entry in PLAN.experiment(name).trained_entries]
    place = np.arange(len(keys))
    runs = pd.DataFrame({"run": keys, "commit": "c" * 40, "device": "A Processor", "seconds": 1.25 * (place + 1)} | columns)
    for file in (*layout.TABLE_FILES, layout.CLAIMS, layout.PAGE):
        (folder / file).write_text(f"{name} {file}")
    runs.to_csv(folder / "runs.csv", index=False)
    (root / "reports/demo").mkdir(parents=True, exist_ok=True)
    for suffix in layout.REPORT_SUFFIXES:
        (root / f"reports/demo/{name}{suffix}").write_bytes(page() if suffix == ".png" else f"{name}{suffix}".encode())
    return folder


@pytest.fixture
def made(tmp_path):
    for name in (SCORED, ALONE):
        make(tmp_path, name)
    return tmp_path


def publish_in(root):
    return publish(PLAN, root / "results", root / "reports")


def published(root):
    """Content of every published file by its path."""
    folders = root / "results/published", root / "reports/published"
    return {str(p.relative_to(root)): p.read_bytes() for folder in folders for p in folder.rglob("*") if p.is_file()}


def manifest_of(root, scale="demo"):
    return json.loads((root / "results/published" / scale / "manifest.json").read_text())


def test_tables_reports_and_previews_are_copied_and_nothing_else(made):
    publish_in(made)
    files = published(made)
    tables = {f"results/published/demo/{name}/{file}" for name in (SCORED, ALONE) for file in (*TABLES, layout.CLAIMS)}
    reports = {f"reports/published/demo/{name}{suffix}" for name in (SCORED, ALONE) for suffix in (".pdf", ".json", ".png")}
    assert set(files) == tables | reports | {"results/published/demo/manifest.json"}
    assert set(TABLES) == {"runs.csv", "snapshots.csv", "curves.csv", "quantities.csv", "metrics.json", "facts.json"}
    for path in tables | reports:
        assert files[path] == (made / path.replace("published/", "")).read_bytes()


def test_the_manifest_says_what_the_tables_say(made):
    keys = [entry.run for entry in PLAN.experiment(SCORED).trained_entries]
    shutil.rmtree(made / "results/demo" / SCORED)
    count = len(keys)
    commits, devices = ["b" * 40, None, *["a" * 40] * (count - 2)], ["Y", *["X"] * (count - 1)]
    folder = make(made, SCORED, commit=commits, device=devices)
    runs = pd.read_csv(folder / "runs.csv")
    # A run that stands in two groups has two rows.
    pd.concat([runs, runs[:1]]).to_csv(folder / "runs.csv", index=False)
    publish_in(made)
    manifest = manifest_of(made)
    assert manifest["scale"] == "demo"
    entry = manifest["experiments"][SCORED]
    assert entry["commits"] == ["a" * 40, "b" * 40, "not recorded"]
    assert entry["devices"] == ["X", "Y"]
    assert (entry["runs"], entry["run_keys"]) == (count, keys)
    assert entry["seconds"] == pytest.approx(1.25 * count * (count + 1) / 2, abs=0.06)
    for file, digest in entry["tables"].items():
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == digest
    assert set(entry["tables"]) == {*TABLES, layout.CLAIMS}
    assert set(entry["report"]) == {f"{SCORED}{suffix}" for suffix in (".pdf", ".json", ".png")}
    plain = manifest["experiments"][ALONE]
    assert [plain[key] for key in ("commits", "devices", "runs", "seconds", "run_keys")] == [[], [], 0, 0.0, []]


def test_published_twice_the_same_bytes_and_times_that_do_not_count(made):
    publish_in(made)
    before = published(made)
    for path in made.rglob("*"):
        path.touch()
    assert publish_in(made).endswith("0 kept, 0 removed")
    assert published(made) == before


def test_what_was_not_made_here_stays_and_what_no_experiment_makes_goes(made):
    publish_in(made)
    before = published(made)
    shutil.rmtree(made / "results/demo" / ALONE)
    for suffix in layout.REPORT_SUFFIXES:
        (made / f"reports/demo/{ALONE}{suffix}").unlink()
    extra = [
        made / "results/published/demo/gone/runs.csv",
        made / "results/published/demo" / SCORED / "real.json",
        made / "reports/published/demo/gone.pdf",
    ]
    for path in extra:
        path.parent.mkdir(exist_ok=True)
        path.write_text("old")
    manifest = manifest_of(made)
    manifest["experiments"]["gone"] = manifest["experiments"][ALONE]
    (made / "results/published/demo/manifest.json").write_text(json.dumps(manifest))
    assert publish_in(made).endswith("10 kept, 3 removed")
    assert published(made) == before
    assert not extra[0].parent.exists()


def test_the_claims_of_all_are_published_with_their_page_or_stay(made):
    made_here = [made / "results/demo/claims.csv", made / "results/demo/claims.json"]
    made_here += [made / f"reports/demo/claims{suffix}" for suffix in (".pdf", ".json", ".svg")]
    for path in made_here[:-1]:
        path.write_text(path.name)
    publish_in(made)
    assert manifest_of(made)["claims"] == {}
    made_here[-1].write_text("drawn")
    publish_in(made)
    digests = manifest_of(made)["claims"]
    assert set(digests) == {"results/claims.csv", "results/claims.json"} | {
        f"reports/claims.{s}" for s in ("pdf", "json", "svg")
    }
    assert digests["reports/claims.svg"] == hashlib.sha256(b"drawn").hexdigest()
    made_here[0].unlink()
    assert publish_in(made).endswith("5 kept, 0 removed")
    assert manifest_of(made)["claims"] == digests


def refused(root, *words):
    before = published(root)
    with pytest.raises(WganlibError) as error:
        publish_in(root)
    for word in words:
        assert word in str(error.value)
    assert "\n" not in str(error.value)
    assert published(root) == before


@pytest.mark.parametrize("file", ["results/demo/elu/runs.csv", "reports/demo/elu.png", "results/demo/table1/facts.json"])
def test_what_is_incomplete_is_refused_and_nothing_is_published(made, file):
    (made / file).unlink()
    refused(made, f"{made / file}: missing", f"`snakemake --cores all {made / file} --config scale=demo` makes it")


def test_tables_of_other_runs_and_damaged_files_are_refused(made):
    table = made / "results/demo" / SCORED / "runs.csv"
    whole, count = table.read_text(), len(PLAN.experiment(SCORED).run_keys)
    table.write_text("".join(whole.splitlines(keepends=True)[:-1]))
    refused(made, f"{table}: holds {count - 1} runs, {count - 1} of the {count} that the parameters ask for")
    table.write_text(whole.replace(PLAN.experiment(SCORED).run_keys[0], "another"))
    refused(made, f"{table}: holds {count} runs, {count - 1} of the {count}")
    table.write_text("nonsense")
    refused(made, f"{table}: not a collected table: column 'run' is missing")
    table.write_text(whole)
    (made / f"reports/demo/{SCORED}.png").write_bytes(b"\x89PNG" + bytes(PREVIEW_BYTES))
    refused(made, f"{SCORED}.png: not readable")


def test_a_scale_of_which_nothing_was_made_is_refused_in_one_line(tmp_path):
    shutil.copytree(REPOSITORY / "params", tmp_path / "params")
    done = wganlib(tmp_path, "publish", "--scale", "paper")
    assert done.returncode == 2
    how = "`snakemake --cores all reports --config scale=paper`"
    assert done.stderr == f"error: results/paper: nothing of scale paper was made here; {how} makes it\n"


def test_a_preview_is_small_and_as_large_as_fits(monkeypatch):
    monkeypatch.setattr("wganlib.collecting.publish.PREVIEW_BYTES", 20_000)
    small, large = page(40), page(200)
    assert preview(small) is small
    assert len(large) > 100_000
    made = preview(large)
    assert 15_000 < len(made) <= 20_000
    picture = Image.open(io.BytesIO(made))
    assert picture.width == picture.height < 200
    assert preview(large) == made
    # Few colours: a palette is enough.
    grey = np.random.default_rng(0).integers(0, 2, (300, 300), dtype=np.uint8) * 255
    buffer = io.BytesIO()
    Image.fromarray(np.stack([grey] * 3, axis=2)).save(buffer, "PNG", compress_level=1)
    assert len(buffer.getvalue()) > 20_000
    kept = Image.open(io.BytesIO(preview(buffer.getvalue())))
    assert (np.asarray(kept.convert("L")) == grey).all()


# What git holds.

TRACKED = subprocess.run(
    ["git", "ls-files", "results", "reports"], cwd=REPOSITORY, capture_output=True, text=True
).stdout.split()
SCALES = sorted({path.split("/")[2] for path in TRACKED})


def test_git_holds_what_was_published_and_nothing_that_the_workflow_makes():
    assert SCALES == ["demo", "paper"]
    assert all(path.split("/")[1] == "published" for path in TRACKED)
    assert (REPOSITORY / "reports/published/demo/table2.png").exists()
    assert all((REPOSITORY / path).stat().st_size <= PREVIEW_BYTES for path in TRACKED if path.endswith(".png"))


def older(scale):
    """The published experiments that docs/numbers.md calls older than the present numbers."""
    page = (REPOSITORY / "docs/numbers.md").read_text()
    (row,) = (line for line in page.splitlines() if line.startswith(f"| `{scale}` |"))
    return set(re.findall(r"`(\w+)`", row.split("|")[2]))


@pytest.mark.parametrize("scale", SCALES)
def test_published_files_are_those_of_the_manifest_and_their_runs_those_of_the_plan_but_for_older_ones(scale):
    plan, manifest = committed_plan(scale), manifest_of(REPOSITORY, scale)
    digests = {}
    for name, entry in manifest["experiments"].items():
        digests |= {f"results/published/{scale}/{name}/{file}": digest for file, digest in entry["tables"].items()}
        digests |= {f"reports/published/{scale}/{file}": digest for file, digest in entry["report"].items()}
        asked = {one.run for one in plan.experiment(name).trained_entries}
        assert (set(entry["run_keys"]) != asked) == (name in older(scale)), f"docs/numbers.md, published and older: {name}"
        assert entry["runs"] == len(entry["run_keys"])
    for name, digest in manifest.get("claims", {}).items():
        root, _, file = name.partition("/")
        digests[f"{root}/published/{scale}/{file}"] = digest
    files = {path for path in TRACKED if path.split("/")[2] == scale} - {f"results/published/{scale}/manifest.json"}
    assert files == set(digests)
    for path, digest in digests.items():
        assert hashlib.sha256((REPOSITORY / path).read_bytes()).hexdigest() == digest, path
