"""The Inception path, end to end on a stand-in with the same interface: the real weights are not part of the project."""

import json
import math

import numpy as np
import pytest
import torch
from cleanfid.fid import frechet_distance
from stand_in import KEPT, StandIn, install_stand_in, save_stand_in
from test_measures import trained  # noqa: F401  (a fixture)

from wganlib.datasets.loading import load
from wganlib.errors import WganlibError
from wganlib.judging.score_names import COLUMNS
from wganlib.scoring import formulas as scores
from wganlib.scoring import inception
from wganlib.scoring import scorer as scoring
from wganlib.scoring.inception_scorer import INCEPTION_COLUMNS
from wganlib.spec.scoring import ClassifierSpec, ScoringSpec
from wganlib.streams import stream
from wganlib.training import runs
from wganlib.training.networks import build_generator


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    path = tmp_path / "weights.pt"
    return path, install_stand_in(path, monkeypatch)


def test_the_inception_path_end_to_end_on_a_stand_in(stand_in, trained, tmp_path):  # noqa: F811
    _, sha256 = stand_in
    spec, folder, _ = trained
    how = ScoringSpec(network="inception", num_samples=200, splits=2, inception_sha256=sha256)
    classifier = tmp_path / "classifier"
    scoring.make_classifier(ClassifierSpec(dataset=spec.dataset, epochs=1, seed=0), how, classifier)
    scoring.score_run(spec, how, folder, classifier)
    found = json.loads((folder / "scores.json").read_text())
    # By hand: the network's own module, in float64 from there on.
    network = StandIn()
    data = load(spec.dataset)
    real = data.preprocess(data.train, torch.Generator())
    generator = runs.load_generator(folder, spec)
    samples = torch.cat(list(scoring._samples(generator, spec, how)))

    def outputs(images):
        pixels = ((images + 1) * 127.995).floor().clamp(0, 255).expand(-1, 3, -1, -1)
        with torch.no_grad():
            return (
                network(pixels, no_output_bias=True).double().numpy(),
                network(pixels, return_features=True).double().numpy()[:, :KEPT],
            )

    p, features = outputs(samples)
    reference = scores.moments(outputs(real)[1])
    small = slice(0, 40)  # clean-fid's own distance, on as many dimensions as take a second
    part = scores.FrechetReference(reference[0][small], reference[1][small, small])
    by_cleanfid = frechet_distance(*scores.moments(features[:, small]), reference[0][small], reference[1][small, small])
    assert part.distance(features[:, small]) == pytest.approx(by_cleanfid, rel=1e-6)
    whole = scores.FrechetReference(*reference).distance(features)
    expected = []
    for part in np.split(p, 2):
        expected.append(math.exp((part * np.log(part / part.mean(axis=0))).sum(axis=1).mean()))
    assert found["inception_score"] == pytest.approx(np.mean(expected), rel=1e-6)
    assert found["inception_score_split_std"] == pytest.approx(np.std(expected), rel=1e-5)
    # Snapshots and the untrained generator have the score that heads reports, too.
    untrained = build_generator(spec, stream(spec.seed, "init")).eval()
    p_untrained, _ = outputs(torch.cat(list(scoring._samples(untrained, spec, how))))
    assert found["untrained_inception_score"] == pytest.approx(scores.inception_formula(p_untrained, 2)[0], rel=1e-6)
    assert set(found["snapshots"]["2"]) == {*COLUMNS["classifier"][:4], *INCEPTION_COLUMNS}
    biased = StandIn()(((samples[:4] + 1) * 127.995).floor().expand(-1, 3, -1, -1))
    assert not np.allclose(biased.detach().numpy(), p[:4], rtol=1e-2)
    assert found["frechet_inception_distance"] == pytest.approx(whole, rel=2e-3)  # digits are dequantised anew
    assert found["frechet_inception_distance_standard_error"] > 0
    assert real.shape[0] == 1437
    described = json.loads((classifier / "classifier.json").read_text())
    assert described["real_training_images"]["frechet_inception_distance"] < found["frechet_inception_distance"]
    assert described["real_held_out_images"]["inception_score"] > 1


def test_weights_that_are_not_inception_are_refused(stand_in, tmp_path, monkeypatch):
    path, sha256 = stand_in
    cpu = torch.device("cpu")
    with pytest.raises(WganlibError, match=r"weights\.pt: sha256 .*, expected f58cb9.*it is code and is not loaded"):
        inception.load(None, cpu)
    text = tmp_path / "text.pt"
    text.write_bytes(b"not TorchScript")
    monkeypatch.setenv("INCEPTION_WEIGHTS", str(text))
    with pytest.raises(WganlibError, match="not the Inception network"):
        inception.load(inception.checksum(text, "sha256"), cpu)
    small = tmp_path / "small.pt"
    sha256_of_small = save_stand_in(small, features=64)
    monkeypatch.setenv("INCEPTION_WEIGHTS", str(small))
    foreign = inception.load(sha256_of_small, cpu)
    with pytest.raises(WganlibError, match="not the Inception network"):
        inception.outputs(foreign, [torch.zeros(2, 3, 32, 32)], cpu)
    monkeypatch.setenv("INCEPTION_WEIGHTS", str(path))
    network = inception.load(sha256, cpu)
    with pytest.raises(WganlibError, match="found pixels that are not finite"):
        inception.outputs(network, [torch.full((2, 3, 32, 32), math.nan)], cpu)


def test_inception_s_weights_are_downloaded_once_and_checked(tmp_path, monkeypatch):
    path = tmp_path / "inception.pt"
    sha256 = save_stand_in(tmp_path / "served.pt")
    monkeypatch.setenv("INCEPTION_WEIGHTS", str(path))
    monkeypatch.setattr(inception, "URL", (tmp_path / "served.pt").as_uri())
    network = inception.load(sha256, torch.device("cpu"))
    assert inception.checksum(path, "sha256") == sha256
    (tmp_path / "served.pt").unlink()
    again = inception.load(sha256, torch.device("cpu"))
    x = torch.zeros(1, 3, 32, 32)
    assert torch.equal(network(x), again(x))


def test_pixels_are_converted_as_each_code_does():
    x = torch.tensor([-1.0, -0.999, 0.0, 0.5, 0.99999, 1.0]).view(1, 1, 1, 6)
    assert inception.to_pixels(x, -1.0, "127.5")[0, 0, 0].tolist() == [0, 0, 127, 191, 254, 255]
    assert inception.to_pixels(x, -1.0, "127.995")[0, 0, 0].tolist() == [0, 0, 127, 191, 255, 255]
    assert inception.to_pixels(x, -1.0, "float")[0, 2, 0].tolist() == pytest.approx((x[0, 0, 0] * 128 + 128).tolist())
    unit = inception.to_pixels(torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3), 0.0, "127.995")
    assert unit.shape == (1, 3, 1, 3)
    assert unit[0, 1, 0].tolist() == [0, 127, 255]
