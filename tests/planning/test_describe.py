"""Settings of an experiment's runs in words."""

from conftest import committed_plan

from wganlib.datasets import DATASETS
from wganlib.planning.describe import TITLES, settings_lines, world


def lines_of(name):
    return settings_lines(committed_plan().experiment(name).entries)


def test_numbered_architectures_are_one_line_a_method():
    lines = lines_of("table2")
    assert [line.partition(":")[0] for line in lines] == ["all", "nonsaturating_gan", "wgan_gp"]
    assert lines[0] == "all: digits at 16 × 16; random_set, width 0.125"
    assert all(": objective" in line and "L2" not in line for line in lines[1:])


def test_networks_and_training_stand_apart_where_every_network_meets_every_method():
    lines = lines_of("lsun_matrix")
    assert lines[0] == "all: digits at 32 × 32"
    networks = [line for line in lines if "parameters" in line]
    assert all("objective" not in line for line in networks)
    assert len(lines) < 28
    assert sum("objective" in line for line in lines) == len(lines) - len(networks) - 1


def test_runs_of_few_kinds_have_networks_and_training_in_one_line():
    lines = lines_of("cifar_table3")
    assert [line.partition(":")[0] for line in lines] == ["all", "unsupervised", "AC-GAN"]
    assert "parameters" in lines[0] or all("parameters" in line for line in lines[1:])


def test_what_all_lines_share_stands_once_and_weights_stand_together():
    lines = lines_of("gp_fig1a")
    assert lines[0] == "all: critic 3 x 128 relu (he); objective wgan; 2,000 iterations"
    assert not any("objective" in line for line in lines[1:])
    assert (
        "two-sided gradient penalty of weight 10, 1 and 0.1 and one-sided gradient penalty of weight 10, 1 and 0.1" in lines[2]
    )


def test_every_data_set_has_a_name_for_sentences():
    own = {"digits", "image_folder", "text_folder"}
    assert TITLES.keys() | own == DATASETS.keys()
    (of_toys,) = {world([e.spec for e in committed_plan().experiment("gp_fig1a").trained_entries])}
    assert of_toys == "on 8 Gaussians, 25 Gaussians and the Swiss roll after 2,000 iterations"
