"""Settings of an experiment's runs in words."""

from conftest import committed_plan

from wganlib.datasets import DATASETS
from wganlib.planning.describe import TITLES, settings_lines, world


def lines_of(name):
    return settings_lines(committed_plan().experiment(name).entries)


def test_numbered_architectures_are_one_line_a_method():
    lines = lines_of("table2")
    assert [line.partition(":")[0] for line in lines] == ["nonsaturating_gan", "wgan_gp"]
    assert all("random_set, width 0.125; objective" in line and "L2" not in line for line in lines)


def test_networks_and_training_stand_apart_where_every_network_meets_every_method():
    lines = lines_of("lsun_matrix")
    networks = [line for line in lines if "parameters" in line]
    assert all("objective" not in line for line in networks)
    assert len(lines) < 28
    assert sum("objective" in line for line in lines) == len(lines) - len(networks)


def test_runs_of_few_kinds_have_networks_and_training_in_one_line():
    lines = lines_of("cifar_table3")
    assert [line.partition(":")[0] for line in lines] == ["unsupervised", "AC-GAN"]
    assert all("parameters; objective" in line for line in lines)


def test_every_data_set_has_a_name_for_sentences():
    own = {"digits", "image_folder", "text_folder"}
    assert TITLES.keys() | own == DATASETS.keys()
    (of_toys,) = {world([e.spec for e in committed_plan().experiment("gp_fig1a").trained_entries])}
    assert of_toys == "on 8 Gaussians, 25 Gaussians and the Swiss roll after 2,000 iterations"
