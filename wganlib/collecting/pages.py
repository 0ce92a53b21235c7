"""Pages on which a person can browse every run of an experiment: one self-contained HTML file an experiment."""

import base64
import json
import math
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from wganlib.planning.expansion import Experiment

CURVES = {"critic_loss": "#0072B2", "generator_loss": "#D55E00"}
WIDTH, HEIGHT, POINTS = 420, 120, 200

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
summary { cursor: pointer; padding: .25rem 0; } summary code { color: #555; } .failed { color: #b00020; font-weight: 600; }
details > div { margin: .5rem 0 1.5rem 1.2rem; display: flex; flex-wrap: wrap; gap: 1.2rem; align-items: flex-start; }
figure { margin: 0; } figcaption { font-size: 13px; color: #555; } img { image-rendering: pixelated; zoom: 2; }
table { border-collapse: collapse; font-size: 13px; } td { padding: .1rem .8rem .1rem 0; vertical-align: top; }
pre { font-size: 12px; background: #f6f6f6; padding: .6rem; overflow: auto; max-height: 22rem; max-width: 60rem; }
"""


class RunParts(NamedTuple):
    """What a run's part of the page shows besides its row: history, spec, provenance, paths of pictures by caption."""

    history: pd.DataFrame
    spec: dict[str, Any]
    provenance: dict[str, Any]
    pictures: dict[str, Path]


def page(scale: str, experiment: Experiment, table: pd.DataFrame, parts: list[RunParts]) -> bytes:
    """Every run of `table` (one row a run): curves, samples, samples over time, scores, spec and provenance, folded away."""
    # Not the factors of random architectures, which stand in the spec.
    labels = [name for name in table.columns if name in ("architecture", *experiment.axes)]
    runs = "\n".join(_run(row, labels, one) for row, one in zip(table.to_dict("records"), parts, strict=True))
    title = f"{experiment.params.title}, scale {scale}"
    failed = int((table["outcome"] != "ok").sum())
    head = f"<p>{escape(experiment.params.source)}. {len(table)} runs, {failed} of them failed. Click a run to open it.</p>"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
        f"<h1>{escape(title)}</h1>{head}\n{runs}\n</html>\n"
    ).encode()


def _run(row: dict[Any, Any], labels: list[str], run: RunParts) -> str:
    place = ", ".join(f"{name.replace('_', ' ')} {row[name]}" for name in labels if not _absent(row[name]))
    outcome = str(row["outcome"])
    mark = "" if outcome == "ok" else f' <span class="failed">{escape(outcome)}</span>'
    names = ("run", "settings", "group", "commit", "device", "threads", *labels)
    scores = {name: value for name, value in row.items() if name not in names and not _absent(value)}
    cells = "".join(
        f"<tr><td>{escape(str(name).replace('_', ' '))}</td><td>{_number(v)}</td></tr>" for name, v in scores.items()
    )
    parts = [
        f"<figure>{_curves(run.history)}</figure>",
        *(_picture(path, caption) for caption, path in run.pictures.items()),
        f"<table>{cells}</table>",
        *(f"<pre>{escape(json.dumps(value, indent=1))}</pre>" for value in (run.spec, run.provenance)),
    ]
    head = f"{escape(place)}, seed {row['seed']}{mark} <code>{escape(str(row['run']))}</code>"
    return f"<details><summary>{head}</summary><div>{''.join(parts)}</div></details>"


def _absent(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else escape(str(value))


def _picture(path: Path, caption: str) -> str:
    if not path.exists():
        return ""
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<figure><img alt="{caption}" src="data:image/png;base64,{data}"><figcaption>{caption}</figcaption></figure>'


def _curves(history: pd.DataFrame) -> str:
    """The losses of a run's history over generator iterations as SVG lines, each scaled to its own range."""
    history = history.iloc[:: max(1, len(history) // POINTS)]
    lines, captions = [], []
    iterations = history["generator_iteration"].to_numpy(dtype=float)
    for name, colour in CURVES.items():
        finite = history[name].replace([math.inf, -math.inf], math.nan).dropna()
        if finite.empty:
            continue
        low, high = float(finite.min()), float(finite.max())
        x = (iterations[finite.index.map(history.index.get_loc)] / max(iterations[-1], 1)) * (WIDTH - 2) + 1
        y = (1 - (finite.to_numpy(dtype=float) - low) / ((high - low) or 1)) * (HEIGHT - 2) + 1
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        lines.append(f'<polyline fill="none" stroke="{colour}" points="{points}"/>')
        captions.append(f'<span style="color:{colour}">{name.replace("_", " ")}</span> {low:.3g} to {high:.3g}')
    box = f'<svg width="{WIDTH}" height="{HEIGHT}" style="border:1px solid #ccc">{"".join(lines)}</svg>'
    return f"{box}<figcaption>{'; '.join(captions)}; {iterations[-1]:.0f} generator iterations</figcaption>"
