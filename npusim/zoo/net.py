"""What the builders write networks with: a sheet on which each call puts one operator and names what it makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

import msgspec
import numpy as np

from npusim.ir import Attr, DType, Shape
from npusim.model import Array, Constant, Model, Node, Value

IMAGE = "input"
RESULT = "output"


class Net:
    """Nodes in the order they run. Tensors are names; their channels are remembered, height and width stay free.

    Nodes are named by kind and place (``conv2``), and so are their parameters (``conv2.weight``, ``conv2.bias``,
    ``act3.slope``). Parameters have a shape and no elements; settings (sizes, limits) have elements.
    """

    def __init__(self) -> None:
        self._nodes: list[Node] = []
        self._constants: dict[str, Constant] = {}
        self._channels: dict[str, int] = {}

    def input(self, channels: int) -> str:
        """The image: 1 x channels x H x W."""
        self._channels[IMAGE] = channels
        return IMAGE

    def channels(self, x: str) -> int:
        return self._channels[x]

    # --- convolutions -------------------------------------------------------------------------------------------

    def conv(
        self, x: str, channels: int, kernel: int, *, stride: int = 1, pad: int | None = None, groups: int = 1,
        bias: bool = True, weights: str = "",
    ) -> str:  # fmt: skip
        """A convolution; zero padding keeps the size unless ``pad`` is given. ``weights``: the name of a shared set."""
        name = self._name("conv")
        own = weights or name
        shape = (channels, self.channels(x) // groups, kernel, kernel)
        inputs = [x, self._parameter(f"{own}.weight", shape)]
        if bias:
            inputs.append(self._parameter(f"{own}.bias", (channels,)))
        attrs = _window(kernel, stride, kernel // 2 if pad is None else pad) | {"group": groups}
        return self._node(name, "Conv", inputs, channels, attrs)

    def transposed_conv(
        self, x: str, channels: int, kernel: int, *, stride: int, pad: int, output_padding: int = 0, bias: bool = True
    ) -> str:
        name = self._name("tconv")
        inputs = [x, self._parameter(f"{name}.weight", (self.channels(x), channels, kernel, kernel))]
        if bias:
            inputs.append(self._parameter(f"{name}.bias", (channels,)))
        attrs = _window(kernel, stride, pad) | {"output_padding": (output_padding,) * 2, "group": 1}
        return self._node(name, "ConvTranspose", inputs, channels, attrs)

    # --- activations and normalisation --------------------------------------------------------------------------

    def relu(self, x: str) -> str:
        return self._unary("act", "Relu", x)

    def prelu(self, x: str, *, one_slope: bool = False) -> str:
        """Parametric ReLU: a slope a channel, or one for all."""
        name = self._name("act")
        slope = self._parameter(f"{name}.slope", (1 if one_slope else self.channels(x), 1, 1))
        return self._node(name, "PRelu", [x, slope], self.channels(x))

    def leaky_relu(self, x: str, slope: float) -> str:
        return self._unary("act", "LeakyRelu", x, {"alpha": slope})

    def tanh(self, x: str) -> str:
        return self._unary("act", "Tanh", x)

    def sigmoid(self, x: str) -> str:
        return self._unary("act", "Sigmoid", x)

    def silu(self, x: str) -> str:
        return self.mul(x, self.sigmoid(x))

    def clip(self, x: str, low: float, high: float, *, kind: str = "clip") -> str:
        name = self._name(kind)
        inputs = [x, self._scalar(f"{name}.min", low), self._scalar(f"{name}.max", high)]
        return self._node(name, "Clip", inputs, self.channels(x))

    def batch_norm(self, x: str) -> str:
        """Batch normalisation with the statistics of training."""
        name, shape = self._name("bn"), (self.channels(x),)
        parts = ("scale", "bias", "mean", "variance")
        inputs = [x, *(self._parameter(f"{name}.{part}", shape) for part in parts)]
        return self._node(name, "BatchNormalization", inputs, self.channels(x))

    # --- element by element -------------------------------------------------------------------------------------

    def add(self, x: str, y: str) -> str:
        """The sum; a tensor of one channel is added to each channel of the other."""
        return self._binary("add", "Add", x, y)

    def sub(self, x: str, y: str) -> str:
        return self._binary("sub", "Sub", x, y)

    def mul(self, x: str, y: str) -> str:
        return self._binary("mul", "Mul", x, y)

    def sub_scalar(self, x: str, value: float) -> str:
        name = self._name("sub")
        return self._node(name, "Sub", [x, self._scalar(f"{name}.value", value)], self.channels(x))

    def sqrt(self, x: str) -> str:
        return self._unary("sqrt", "Sqrt", x)

    # --- pooling ------------------------------------------------------------------------------------------------

    def max_pool(self, x: str, kernel: int, stride: int) -> str:
        return self._unary("maxpool", "MaxPool", x, _window(kernel, stride, 0))

    def mean(self, x: str) -> str:
        """The mean over height and width, 1 x 1."""
        return self._unary("mean", "GlobalAveragePool", x)

    # --- moving -------------------------------------------------------------------------------------------------

    def concat(self, *parts: str) -> str:
        """Channels of one tensor after those of another."""
        total = sum(self.channels(part) for part in parts)
        return self._node(self._name("concat"), "Concat", parts, total, {"axis": 1})

    def split(self, x: str, first: int) -> tuple[str, str]:
        """The first channels, and the rest."""
        name, sizes = self._name("split"), (first, self.channels(x) - first)
        outputs = (f"{name}.0", f"{name}.1")
        inputs = (x, self._setting(f"{name}.sizes", np.array(sizes, np.int64)))
        self._nodes.append(Node(name, "Split", inputs, outputs, {"axis": 1}))
        self._channels.update(zip(outputs, sizes, strict=True))
        return outputs

    def shuffle(self, x: str, block: int, *, order: str = "CRD") -> str:
        """Depth to space: block * block channels become block x block pixels.

        Args:
            order: which channels make a pixel block: neighbouring ones (CRD, PyTorch's pixel shuffle), or those a
                whole image apart (DCR, TensorFlow's depth_to_space).
        """
        attrs = {"blocksize": block, "mode": order}
        return self._node(self._name("shuffle"), "DepthToSpace", [x], self.channels(x) // block**2, attrs)

    def bicubic(self, x: str, scale: int) -> str:
        """The upsampling that networks of the first years start from: cubic convolution with a = -1/2, as MATLAB's."""
        attrs = {"mode": "cubic", "cubic_coeff_a": -0.5, "coordinate_transformation_mode": "half_pixel"}
        return self._resize(x, scale, attrs)

    def nearest(self, x: str, scale: int) -> str:
        attrs = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return self._resize(x, scale, attrs)

    def bilinear_like(self, x: str, like: str) -> str:
        """``x`` resized to the height and width of ``like``, which the graph reads while it runs."""
        kept = self._shape(x, 0, 2)
        wanted = self._shape(like, 2, 4)
        sizes = self._node(self._name("concat"), "Concat", [kept, wanted], 0, {"axis": 0})
        attrs = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        return self._node(self._name("resize"), "Resize", [x, "", "", sizes], self.channels(x), attrs)

    # --- the whole ----------------------------------------------------------------------------------------------

    def model(self, name: str, result: str) -> Model:
        """The Model whose output is ``result``, the last node's."""
        last = self._nodes[-1]
        if last.outputs != (result,):
            raise ValueError(f"{name}: the result {result} is not what the last node makes, {last.outputs}")
        nodes = (*self._nodes[:-1], msgspec.structs.replace(last, outputs=(RESULT,)))
        image = Value(IMAGE, (1, self.channels(IMAGE), "H", "W"))
        constants = dict(self._constants)
        shapes = [(c.name, c.shape, c.dtype.label, c.read and c.read().tolist()) for c in constants.values()]
        digest = sha256(repr((image, nodes, shapes)).encode()).hexdigest()
        declared = {RESULT: Value(RESULT, (1, self.channels(result), None, None))}  # its height and width are computed
        return Model(name, (image,), (RESULT,), nodes, constants, declared, sha256=digest)

    # --- parts --------------------------------------------------------------------------------------------------

    def _name(self, kind: str) -> str:
        return f"{kind}{len(self._nodes) + 1}"

    def _node(
        self, name: str, op: str, inputs: Sequence[str], channels: int, attrs: dict[str, Attr] | None = None
    ) -> str:
        self._nodes.append(Node(name, op, tuple(inputs), (name,), attrs or {}))
        self._channels[name] = channels
        return name

    def _unary(self, kind: str, op: str, x: str, attrs: dict[str, Attr] | None = None) -> str:
        return self._node(self._name(kind), op, [x], self.channels(x), attrs)

    def _binary(self, kind: str, op: str, x: str, y: str) -> str:
        return self._node(self._name(kind), op, [x, y], max(self.channels(x), self.channels(y)))

    def _resize(self, x: str, scale: int, attrs: dict[str, Attr]) -> str:
        name = self._name("resize")
        scales = self._setting(f"{name}.scales", np.array((1, 1, scale, scale), np.float32))
        return self._node(name, "Resize", [x, "", scales], self.channels(x), attrs)

    def _shape(self, x: str, start: int, end: int) -> str:
        return self._node(self._name("shape"), "Shape", [x], 0, {"start": start, "end": end})

    def _parameter(self, name: str, shape: Shape) -> str:
        known = self._constants.setdefault(name, Constant(name, shape, DType.FLOAT32, None))
        if known.shape != shape:
            raise ValueError(f"{name} is shared by convolutions of shapes {known.shape} and {shape}")
        return name

    def _setting(self, name: str, value: Array) -> str:
        self._constants[name] = Constant(name, value.shape, DType.parse(value.dtype.name), lambda: value)
        return name

    def _scalar(self, name: str, value: float) -> str:
        return self._setting(name, np.array(value, np.float32))


Builder = Callable[[Net, int], str]  # writes a network for a scale on a Net, and returns the name of its result
Activation = Callable[[Net, str], str]


def upsample(net: Net, x: str, scale: int, *, groups: int = 1, activation: Activation | None = None) -> str:
    """Convolutions and pixel shuffles that enlarge features: by 2 once or twice, or by 3 at once."""
    width = net.channels(x)
    for step in {2: (2,), 3: (3,), 4: (2, 2)}[scale]:
        x = net.conv(x, width * step**2, 3, groups=groups)
        if activation is not None:
            x = activation(net, x)
        x = net.shuffle(x, step)
    return x


def _window(kernel: int, stride: int, pad: int) -> dict[str, Attr]:
    return {"kernel_shape": (kernel,) * 2, "pads": (pad,) * 4, "strides": (stride,) * 2}
