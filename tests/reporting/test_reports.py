"""The pilot's choice from made-up scores; figures that are the same whatever a user has set for others."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import environment

from wganlib.experiments import pilot


def test_the_pilot_chooses_each_method_s_own_best_mean():
    rows = [
        {"method": m, "learning_rate": rate, "critic_factor": 1.0, "generator_iteration": it, "score": score + shift}
        for m, shift in (("a", 0.0), ("b", -3.0))
        for rate, it, scores in ((1e-3, 10, (5.0, 5.2)), (1e-3, 20, (9.0, 1.0)), (2e-3, 10, (6.0, 6.2)), (2e-3, 20, (6.1, 6.1)))
        for score in scores
    ]
    table = pd.DataFrame(rows).assign(outcome="ok")
    # A run without memory has no part in the mean, however good its place would be.
    lost = {"method": "a", "learning_rate": 2e-3, "critic_factor": 1.0, "generator_iteration": 10, "score": np.nan}
    table = pd.concat([table, pd.DataFrame([lost | {"outcome": "out_of_memory"}])], ignore_index=True)
    for method, mean in (("a", 6.1), ("b", 3.1)):
        choice = pilot.choose(pilot.scored(table, method, "score"))
        assert choice[:3] == (2e-3, 1.0, 10)  # a tie with 20 iterations goes to 10
        assert (choice.mean, choice.seeds) == (pytest.approx(mean), 2)
    choices = [pilot.choose(pilot.scored(table, m, "score")) for m in "ab"]
    assert pilot.primary_threshold(choices, 1.4, [1.0, 2.0, 3.0, 4.0]) == 3.0  # half way from 1.4 to 4.6 is 3.0
    assert pilot.primary_threshold(choices, 1.39, [1.0, 2.0, 3.0, 4.0]) == 2.0


DRAWN = """
import hashlib
from wganlib.reporting import style
drawn, axes = style.figure(2.0, 2)
for axis in axes.flat:
    axis.plot([0, 1], [1, 2], label="a $x^2$")
    axis.set(title="a_b 5 %", xlabel="x")
    axis.legend()
print(hashlib.sha256(style.svg(drawn)).hexdigest(), hashlib.sha256(style.pdf(drawn)).hexdigest())
"""

USER = """axes.grid: True
text.usetex: True
savefig.bbox: tight
figure.facecolor: red
svg.fonttype: none
pdf.compression: 0
lines.linewidth: 5
backend: agg
"""


def drawn(folder, **variables):
    return subprocess.run(
        [sys.executable, "-c", DRAWN], cwd=folder, env=environment() | variables, capture_output=True, text=True, check=True
    ).stdout


def test_a_user_s_matplotlibrc_has_no_influence_on_a_figure(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own/matplotlibrc").write_text(USER)
    plain = drawn(tmp_path)
    assert len(plain.split()) == 2
    assert drawn(tmp_path / "own") == plain
    assert drawn(tmp_path, MPLCONFIGDIR=str(tmp_path / "own")) == plain
    assert drawn(tmp_path, MATPLOTLIBRC=str(tmp_path / "own/matplotlibrc"), MPLBACKEND="svg") == plain
