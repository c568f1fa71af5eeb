"""A random call of every operator that onnxruntime has, and why there is none of the others."""

from __future__ import annotations

import draws_attention
import draws_conv
import draws_data
import draws_index
import draws_matmul
import draws_normal
import draws_point
import draws_quantise
import draws_resize
import draws_shape
from draw_kit import Drawn

RANDOM: dict[str, Drawn] = {
    **draws_point.ACTIVATION,
    **draws_point.ELEMENTWISE,
    **draws_point.SOFTMAX,
    **draws_conv.CONV,
    **draws_conv.POOL,
    **draws_matmul.MATMUL,
    **draws_matmul.RECURRENT,
    **draws_normal.NORMALISATION,
    **draws_attention.ATTENTION,
    **draws_data.REDUCE,
    **draws_data.LAYOUT,
    **draws_index.INDEX,
    **draws_resize.RESIZE,
    **draws_quantise.QUANTISE,
    **draws_shape.VIEW,
    **draws_shape.CONSTANT,
    **draws_shape.OTHER,
}

_DRAWS = "draws at random itself, so that two runs of it need not agree"
_LOOPS = "is made by the binding of loops; no file has it"
NOT_RANDOM: dict[str, str] = {
    "RandomNormal": _DRAWS,
    "RandomUniform": _DRAWS,
    "RandomNormalLike": _DRAWS,
    "RandomUniformLike": _DRAWS,
    "Bernoulli": _DRAWS,
    "Multinomial": _DRAWS,
    "npusim::Stack": _LOOPS,
    "npusim::Idle": _LOOPS,
    "Optional": "makes what is no tensor, which onnxruntime does not give as a graph's output",
    "SwiGLU": "is newer than onnxruntime; held against its formula in test_loop_values.py",
    "com.microsoft::NhwcMaxPool": "is there for XNNPACK alone; held against MaxPool in test_loop_values.py",
    "com.microsoft::QLinearReduceMean": "is not in onnxruntime any more; held against loops in test_loop_values.py",
}
