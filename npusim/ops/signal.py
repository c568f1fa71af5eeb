"""Spectra and determinants: DFT, STFT, MelWeightMatrix, Det."""

from __future__ import annotations

from math import prod

from npusim.ir import DType
from npusim.ops.base import Call, Op, Spec, Work, later, passes, per_output, register
from npusim.ops.reduce import axes_of
from npusim.ops.view import type_of


def _fft(length: int) -> int:
    """Operations of a fast transform an element: 5 log2 n for each complex one (Cooley and Tukey), at least 1."""
    return 5 * max((length - 1).bit_length(), 1)


def axis_and_length(call: Call) -> tuple[int, int]:
    """The axis that is transformed (an attribute up to opset 19, then input 2) and its length.

    The inverse of half a spectrum of n frequencies is 2 (n - 1) long unless the node says otherwise.
    """
    shape = call.shape(0)
    given = call.ints("axis", 2) or ((-2,) if "axis" not in call.attrs and len(call.ins) > 2 else (1,))
    (axis,) = axes_of(call, given, len(shape))
    halved = call.attrs.get("onesided", 0) and call.attrs.get("inverse", 0)
    length = call.ints("dft_length", 1) or (2 * (shape[axis] - 1) if halved else shape[axis],)
    return axis, length[0]


def _infer_dft(call: Call) -> list[Spec]:
    """[batch, ..., 1 or 2], the last axis real or complex."""
    axis, length = axis_and_length(call)
    shape, onesided, inverse = call.shape(0), call.attrs.get("onesided", 0), call.attrs.get("inverse", 0)
    size = length // 2 + 1 if onesided and not inverse else length
    parts = 1 if onesided and inverse else 2
    return [((*shape[:axis], size, *shape[axis + 1 : -1], parts), call.dtype())]


def _work_dft(call: Call) -> Work:
    axis, length = axis_and_length(call)
    rows = prod(size for at, size in enumerate(call.shape(0)[:-1]) if at != axis)
    return passes(call, "mul", rows * length * _fft(length))


def frames_of(call: Call) -> tuple[int, int, int]:
    """Frames, their length, and the step between them."""
    signal = call.shape(0)
    step = call.ints("frame_step", 1) or (1,)
    length = call.ints("frame_length", 3) or (call.shape(2)[:1] if call.has(2) else signal[1:2])
    if len(signal) < 2 or step[0] < 1 or not 0 < length[0] <= signal[1]:
        raise call.error(f"frames of {length[0]} every {step[0]} do not fit a signal {signal}")
    return (signal[1] - length[0]) // step[0] + 1, length[0], step[0]


def _infer_stft(call: Call) -> list[Spec]:
    """[batch, frames, frequencies, 2]."""
    frames, length, _ = frames_of(call)
    size = length // 2 + 1 if call.attrs.get("onesided", 1) else length
    return [((call.shape(0)[0], frames, size, 2), call.dtype())]


def _work_stft(call: Call) -> Work:
    frames, length, _ = frames_of(call)
    return passes(call, "mul", call.shape(0)[0] * frames * length * (_fft(length) + call.has(2)))


def _infer_mel(call: Call) -> list[Spec]:
    """[frequencies, mel bins]."""
    (bins,), (length,) = call.ints("num_mel_bins", 0) or (0,), call.ints("dft_length", 1) or (0,)
    return [((length // 2 + 1, bins), type_of(call, "output_datatype", DType.FLOAT32))]


def _infer_det(call: Call) -> list[Spec]:
    shape = call.shape(0)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise call.error(f"shape {shape} does not end in a square matrix")
    return [(shape[:-2], call.dtype())]


def _work_det(call: Call) -> Work:
    """Elimination: about 2/3 n^3 operations a matrix."""
    n = call.shape(0)[-1]
    return passes(call, "mul", prod(call.shape(0)[:-2]) * (2 * n**3 // 3))


_VALUES = "signal_execute"  # the module that computes them

register(
    Op("DFT", _infer_dft, _work_dft, settings=(1, 2), execute=later(_VALUES, "dft")),
    Op("STFT", _infer_stft, _work_stft, settings=(1, 3), execute=later(_VALUES, "stft")),
    Op(
        "MelWeightMatrix",
        _infer_mel,
        per_output("div"),
        settings=(0, 1, 2, 3, 4),
        execute=later(_VALUES, "mel"),
    ),
    Op("Det", _infer_det, _work_det, execute=later(_VALUES, "det")),
)
