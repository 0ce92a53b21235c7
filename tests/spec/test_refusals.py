"""What does not fit together is refused in one line that names the thing, what was found, what is allowed, what to do."""

import pytest
import torch
from conftest import make_data, spec_is_refused
from test_architectures import CONSTRAINTS, small_spec

from wganlib.errors import WganlibError
from wganlib.training.generated_samples import sample
from wganlib.training.trainer import Trainer


def _folder(size):
    return {"dataset": {"name": "image_folder", "folder": "photos", "image_size": size}}


BAD = [
    ("lsun64 dcgan", {"dataset.image_size": 20}, ["lsun64", "multiple of 16", "at least 16", "image_size 20"]),
    ("wgan dcgan", {"dataset.image_size": 48}, ["wgan", "4 doubled", "image_size 48"]),
    ("cifar_resnet", _folder(12), ["cifar_resnet", "multiple of 8", "image_size 12"]),
    ("lsun_resnet", {"dataset.image_size": 16}, ["lsun_resnet", "at least 32", "image_size 16"]),
    ("mnist", _folder(30), ["mnist", "multiple of 4", "image_size 30"]),
    ("mnist", {"dataset.name": "digits"}, ["mnist ends in sigmoid", "[-1, 1]", "use output 'tanh'"]),
    ("cifar_resnet", {"dataset.scaling": "unit"}, ["cifar_resnet ends in tanh", "[0, 1]", "another dataset.scaling"]),
    ("lsun64 dcgan", {"architecture.mlp_init": "glorot"}, ["mlp_init is for variant 'mlp' alone", "'dcgan'", "remove"]),
    ("wgan dcgan", {"architecture.mlp_hidden_layers": 4}, ["mlp_hidden_layers", "'mlp'", "found 4"]),
    ("wgan mlp", {"architecture.critic_normalization": "none"}, ["critic_normalization", "'dcgan' alone", "'none'"]),
    ("toy fixed generator", {"method.generator_ema": 0.9}, ["generator_ema is for generators with a network", "0.9"]),
    ("toy fixed generator", {"architecture.generator": "given"}, ["'given' needs a data set", "lgan_case1"]),
    (
        "cifar_resnet",
        {"method.constraint": CONSTRAINTS["max replace"] | {"buffer": {"size": 4, "mode": "replace"}}},
        ["constraint.buffer.size: found 4", "less than batch_size (4)"],
    ),
    ("random_set (base)", _folder(12), ["random_set", "multiple of 8", "image_size 12"]),
    ("language", {"dataset": {"name": "cifar10", "image_size": 32}}, ["language makes text", "images", "another"]),
    ("cifar_resnet", {"dataset.image_size": 20}, ["cifar10", "32x32", "found image_size 20", "allowed are 32, 16, 8"]),
    ("cifar_resnet", {"dataset": {"name": "image_folder", "image_size": 32}}, ["image_folder", "the key 'folder' is missing"]),
    ("cifar_resnet", {"dataset.folder": "photos"}, ["cifar10", "found folder", "remove it"]),
    (
        "cifar_resnet",
        {"dataset": {"name": "image_folder", "folder": "../photos", "image_size": 32}},
        ["folder: found '../photos'", "below DATA_ROOT"],
    ),
    ("cifar_resnet", {"dataset.train_limit": 50_001}, ["train_limit: found 50001", "cifar10 has 50000 training examples"]),
    ("cifar_resnet", {"dataset.train_limit": 3}, ["batch_size: found 4", "there are 3 training examples"]),
    ("toy 3x512", {"dataset.scaling": "128"}, ["gaussians8", "its own scaling", "'128'", "remove it"]),
    ("lsun64 mlp", {"dataset": {"name": "gaussians8"}}, ["lsun64 makes images", "points", "another"]),
    ("language", {"dataset": {"name": "billion_word", "length": 8}}, ["billion_word", "the key 'vocabulary_size' is missing"]),
    ("toy 3x512", {"dataset.image_size": 16}, ["gaussians8", "points", "image_size", "remove it"]),
    ("cifar_resnet", {"dataset": {"name": "cifar10"}}, ["cifar10", "images", "the key 'image_size' is missing"]),
    (
        "lsun64 dcgan",
        {"method.constraint": CONSTRAINTS["two_sided"]},
        ["gradient_penalty does not allow batch norm", "'batch'", "each example alone", "use 'layer'"],
    ),
    (
        "lsun64 dcgan",
        {"method.constraint": CONSTRAINTS["spectral"]},
        ["spectral_normalization does not allow", "'batch'", "use 'none'"],
    ),
    (
        "cifar_resnet",
        {"method.auxiliary": {"critic_weight": 1.0, "generator_weight": 0.1}},
        ["auxiliary asks for labels", "unconditional", "conditional: true"],
    ),
    ("cifar_resnet conditional", {"method.auxiliary": None}, ["classifies", "set method.auxiliary"]),
    (
        "cifar_resnet conditional",
        {"dataset.name": "lsun_bedrooms"},
        ["conditional asks for labels", "does not have", "conditional: false"],
    ),
    (
        "cifar_resnet conditional",
        {"architecture.generator_normalization": "moving_batch"},
        ["conditional generator", "'batch'", "'moving_batch'"],
    ),
    ("lsun64 no_normalization", {"architecture.critic_normalization": "batch"}, ["no_normalization", "'none'", "'batch'"]),
    ("toy 4x1024", {"architecture.generator": "mlp", "architecture.dense": True}, ["dense", "data_plus_noise", "'mlp'"]),
    ("lsun64 dcgan", {"architecture.variant": "resnet50"}, ["architecture.variant", "'resnet101'", "resnet50"]),
    ("lsun64 dcgan", {"architecture.family": "lsun"}, ["architecture", "'lsun64'", "'toy'"]),
    ("lsun64 dcgan", {"architecture.width": 0.0}, ["architecture.width", "greater than 0", "0.0"]),
    ("cifar_resnet", {"method.generator_sub_batches": 3}, ["batch_size (4)", "multiple of generator_sub_batches (3)"]),
    ("cifar_resnet", {"method.constraint": {**CONSTRAINTS["max replace"], "form": "two_sided"}}, ["buffer", "'two_sided'"]),
    (
        "cifar_resnet",
        {"method.constraint": CONSTRAINTS["two_sided"] | {"form": "two-sided"}},
        ["method.constraint.form: unknown form 'two-sided'", "did you mean 'two_sided'"],
    ),
    ("cifar_resnet", {"method.constraint": {"kind": "clipping"}}, ["method.constraint.limit", "missing"]),
    ("cifar_resnet", {"method.constraint.limit": 0.1}, ["method.constraint.limit: not allowed here; remove it"]),
    ("cifar_resnet", {"method.generator_optimizer": {"name": "rmspropp"}}, ["generator_optimizer", "'rmsprop_tf'", "rmspropp"]),
    ("cifar_resnet", {"method.generator_ema": 1.0}, ["method.generator_ema", "less than 1"]),
]


@pytest.mark.parametrize(("name", "changes", "words"), BAD)
def test_what_does_not_fit_together_is_refused_in_one_line(name, changes, words):
    spec_is_refused(small_spec(name, CONSTRAINTS["none"]), changes, words)


def test_labels_asked_of_an_unconditional_generator_and_a_batch_larger_than_the_data_are_refused():
    spec = small_spec("cifar_resnet", CONSTRAINTS["none"])
    trainer = Trainer(spec, make_data(spec.dataset), torch.device("cpu"))
    with pytest.raises(WganlibError, match="labels were asked of an unconditional generator \\(cifar_resnet\\)"):
        next(sample(trainer.generator, spec, 10, 10, torch.Generator(), torch.arange(10)))
    large = small_spec("cifar_resnet", CONSTRAINTS["none"], batch_size=128)
    with pytest.raises(WganlibError, match="batch_size 128 is larger than the data set's 64 examples"):
        Trainer(large, make_data(large.dataset), torch.device("cpu"))
