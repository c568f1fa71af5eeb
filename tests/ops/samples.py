"""Sample calls of every operator in the registry: op -> list of Sample. Other tests (laws) use the same table."""

from __future__ import annotations

import samples_compute
import samples_data
import samples_point
import samples_shape
from sample_kit import Arg, Sample, call_of

__all__ = ["SAMPLES", "Arg", "Sample", "call_of"]

SAMPLES: dict[str, list[Sample]] = {
    **samples_point.ACTIVATION,
    **samples_point.ELEMENTWISE,
    **samples_point.SOFTMAX,
    **samples_point.QUANTISE,
    **samples_compute.CONV,
    **samples_compute.MATMUL,
    **samples_compute.RECURRENT,
    **samples_compute.ATTENTION,
    **samples_compute.NORMALISATION,
    **samples_compute.POOL,
    **samples_data.REDUCE,
    **samples_data.RESIZE,
    **samples_data.LAYOUT,
    **samples_data.INDEX,
    **samples_shape.VIEW,
    **samples_shape.CONSTANT,
    **samples_shape.OTHER,
}
