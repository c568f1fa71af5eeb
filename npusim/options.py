"""How an estimate is to be made: what the user chooses besides the network and the hardware."""

from __future__ import annotations

import msgspec


class Options(msgspec.Struct, frozen=True):
    """How an estimate is to be made.

    Attributes:
        dtype: what activations and weights are on the NPU, by name.
        activation_compression: share of the traffic of activations between layers that compression saves.
        equal_scales: all tensors share one quantisation (True), none does (False), or as the graph's QDQ nodes say
            (None).
        planner: ``vendor`` chooses as the family's compiler does, ``best`` searches all legal mappings and sections.
        as_vendor: cost an operator as the vendor's estimator does even where that is below the hardware's peak or free.
        encode_weights: read the weights and encode them for the size of their streams; otherwise they are never read,
            and uniform random ones are expected.
    """

    dtype: str = "int8"
    activation_compression: float = 0.0
    equal_scales: bool | None = None
    planner: str = "vendor"
    as_vendor: bool = False
    level: str = "mapped"
    encode_weights: bool = False
