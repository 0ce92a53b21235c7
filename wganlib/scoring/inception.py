"""The Inception network of the published scores, as clean-fid loads it: TensorFlow's 2015-12-05 graph in TorchScript.

TorchScript is code: the file is loaded only if its sha256 is the expected one.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from wganlib.datasets.data_root import INCEPTION, inception_weights
from wganlib.datasets.fetch import checksum, download
from wganlib.errors import WganlibError
from wganlib.scoring.formulas import Array
from wganlib.spec.scoring import Pixels

URL = "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/inception-2015-12-05.pt"
SHA256 = "f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4"
"""None is published beside the file; this one is stated alike by several projects that fetched it (k-diffusion among them)."""

FEATURES, CLASSES = 2048, 1008


def load(sha256: str | None, device: torch.device) -> nn.Module:
    """The network from `inception_weights()`, downloaded from its usual address if it is missing.

    Raises:
        WganlibError: the file cannot be downloaded, is not the expected one, or is not this network.
    """
    from cleanfid.inception_torchscript import InceptionV3W

    expected, path = sha256 or SHA256, inception_weights()
    if not path.exists():
        download(URL, path, f"sha256:{expected}", f"put the file there by hand, as {path} (or set INCEPTION_WEIGHTS)")
    result = checksum(path, "sha256")
    if result != expected:
        raise WganlibError(
            f"{path}: sha256 {result}, expected {expected}; it is code and is not loaded: get the file from {URL}, or, if you "
            "trust this one, set scoring.inception_sha256"
        )
    # clean-fid looks for a folder and its own name of the file.
    with tempfile.TemporaryDirectory() as folder:
        try:
            os.symlink(path.resolve(), Path(folder) / INCEPTION)
        except OSError:
            shutil.copy(path, Path(folder) / INCEPTION)
        try:
            network: nn.Module = InceptionV3W(folder, download=False, resize_inside=True)
        except (RuntimeError, AttributeError, OSError) as error:
            raise WganlibError(f"{path}: not the Inception network ({str(error).splitlines()[0]}); get it from {URL}") from None
    return network.to(device).eval()


def to_pixels(images: Tensor, low: float, how: Pixels) -> Tensor:
    """Images in [low, 1] as Inception's input in 0..255: [N, 3, S, S], grey ones tripled.

    "127.995": (x + 1) * 127.995 truncated (official WGAN-GP code; "127.5" in its gan_cifar.py); "float": x * 128 + 128, neither
    rounded nor clipped (Lipschitz GANs' code).
    """
    x = images * 2 - 1 if low == 0.0 else images
    x = x.expand(-1, 3, -1, -1) if x.shape[1] == 1 else x
    if how == "float":
        return x * 128 + 128
    return ((x + 1) * float(how)).floor().clamp(0, 255)


def outputs(network: nn.Module, batches: Iterable[Tensor], device: torch.device) -> tuple[Array, Array]:
    """Probabilities [N, 1008] without the output's bias, and pool features [N, 2048], of pixels [n, 3, S, S] in 0..255.

    The network resizes its input itself, as TensorFlow's does.

    Raises:
        WganlibError: pixels that are not finite, or a network with other outputs.
    """
    probabilities, features = [], []
    base = cast(Callable[..., Tensor], network.base)
    with torch.no_grad():
        for pixels in batches:
            if not bool(torch.isfinite(pixels).all()):
                raise WganlibError("Inception: found pixels that are not finite; the generator diverged: do not score it")
            x = pixels.to(device)
            try:
                hidden, p = network(x), base(x, no_output_bias=True)
            except RuntimeError as error:
                last = str(error).strip().splitlines()[-1]
                raise WganlibError(f"{inception_weights()}: not the Inception network ({last}); get it from {URL}") from None
            if hidden.shape[1] != FEATURES or p.shape[1] != CLASSES:
                raise WganlibError(
                    f"{inception_weights()}: has {hidden.shape[1]} features and {p.shape[1]} classes, Inception has "
                    f"{FEATURES} and {CLASSES}: use its own file"
                )
            features.append(hidden.double().cpu().numpy())
            probabilities.append(p.double().cpu().numpy())
    return np.concatenate(probabilities), np.concatenate(features)
