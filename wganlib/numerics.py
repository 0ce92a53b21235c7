"""One integer for each part whose numbers a run depends on; a spec carries the entries that it uses.

Raise an entry when a change in the code changes the numbers of that part: its runs, and no others, get a new run key
and are trained again. `tests/test_numerics.py` fails when the code of a part changed and its entry was not looked at.
The names here are also the names that a spec may use, so that a plan can be checked without importing torch.
"""

NUMERICS: dict[str, int] = {
    "training": 1,
    "objective:minimax_gan": 1,
    "objective:nonsaturating_gan": 1,
    "objective:lsgan": 1,
    "objective:hinge": 1,
    "objective:wgan": 1,
    "objective:log_sigmoid": 1,
    "objective:sqrt": 1,
    "objective:exp": 1,
    "objective:quadratic": 1,
    "objective:quadratic_lsgan": 1,
    "constraint:none": 1,
    "constraint:clipping": 1,
    "constraint:gradient_penalty": 1,
    "constraint:spectral_normalization": 1,
    "penalty:one_sided": 1,
    "penalty:max": 1,
    "penalty:centralised": 1,
    "penalty:buffer": 1,
    "optimizer:rmsprop": 1,
    "optimizer:rmsprop_tf": 1,
    "optimizer:sgd": 1,
    "architecture:random_set": 1,
    "architecture:wgan": 1,
    "architecture:lsun64": 1,
    "architecture:cifar_dcgan": 1,
    "architecture:cifar_resnet": 1,
    "architecture:lsun_resnet": 1,
    "architecture:mnist": 1,
    "architecture:language": 1,
    "architecture:toy": 1,
    "dataset:digits": 1,
    "dataset:gaussians8": 1,
    "dataset:gaussians25": 1,
    "dataset:swiss_roll": 1,
    "dataset:lgan_case1": 1,
    "dataset:lgan_case2": 1,
    "dataset:lgan_case3": 1,
    "dataset:mnist": 1,
    "dataset:cifar10": 1,
    "dataset:tiny_imagenet": 1,
    "dataset:imagenet32": 1,
    "dataset:lsun_bedrooms": 1,
    "dataset:image_folder": 1,
    "dataset:flowers102": 1,
    "dataset:billion_word": 1,
    "dataset:text_folder": 1,
    "classifier": 1,
    "classifier_resnet": 1,
    "score:classifier": 1,
    "score:inception": 1,
    "score:none": 1,
    "score:kernel_distance": 1,
    "score:similarity": 1,
    "score:coverage": 1,
    "score:ngrams": 1,
    "score:transport": 1,
}


def names(part: str) -> tuple[str, ...]:
    """The known names of a part, for instance `names("objective")`."""
    return tuple(key.partition(":")[2] for key in NUMERICS if key.startswith(f"{part}:"))
