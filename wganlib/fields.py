"""What every spec is made of: frozen parts, number types, the names of nonlinearities and normalisations. Needs no torch."""

import hashlib
import json
from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from wganlib.errors import unknown

Nonlinearity = Literal[
    "relu", "leaky_relu", "smooth_elu", "tanh", "elu", "elu_first_order", "selu", "gated", "sigmoid", "softmax"
]
Normalization = Literal["none", "batch", "layer", "conditional_batch", "moving_batch"]
PositiveInt = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Width = Annotated[float, Field(gt=0, le=4)]


class Part(BaseModel):
    """Base of all specs: frozen, no unknown keys, no silent conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def canonical(self) -> str:
        """JSON with sorted keys and no blanks: equal values have equal text.

        Options that are left out (null) do not appear: a new option leaves the specs that do not use it as they were.
        """
        return json.dumps(self.model_dump(mode="json", exclude_none=True), sort_keys=True, separators=(",", ":"))

    def digest(self) -> str:
        """First ten hexadecimal digits of the sha256 of the canonical form."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()[:10]


def one_of(thing: str, value: str, allowed: Collection[str]) -> str:
    """`value` if it is allowed.

    Raises:
        ValueError: it is not; the message names the nearest allowed one.
    """
    if value not in allowed:
        raise ValueError(str(unknown(thing, value, allowed)))
    return value
