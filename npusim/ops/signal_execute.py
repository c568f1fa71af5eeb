"""What spectra, mel weights and determinants are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npusim.ops.arrays import as_type
from npusim.ops.base import Array, Call, array, known, optional
from npusim.ops.signal import axis_and_length, frames_of


def _complex(x: Array) -> Array:
    """The last axis holds a real part, or a real and an imaginary one."""
    return np.asarray(x[..., 0] + 1j * x[..., 1] if x.shape[-1] == 2 else x[..., 0])


def _parts(x: Array) -> Array:
    return np.stack([x.real, x.imag], axis=-1)


def dft(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """The signal is cut or filled up with zeros to the length; a one-sided inverse gives real numbers."""
    axis, length = axis_and_length(known(call, arrays))
    x = _complex(array(call, arrays, 0))
    inverse, onesided = bool(call.attrs.get("inverse", 0)), bool(call.attrs.get("onesided", 0))
    if inverse and onesided:
        return [as_type(np.fft.irfft(x, length, axis)[..., None], call.dtype())]
    y = np.fft.ifft(x, length, axis) if inverse else np.fft.fft(x, length, axis)
    if onesided:
        y = y.take(range(length // 2 + 1), axis)
    return [as_type(_parts(y), call.dtype())]


def stft(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """Windowed frames of the signal, each transformed."""
    signal, window = array(call, arrays, 0), optional(arrays, 2)
    count, length, step = frames_of(known(call, arrays))
    line = _complex(signal) if signal.ndim == 3 else signal
    frames = np.stack([line[:, at * step : at * step + length] for at in range(count)], axis=1)
    y = np.fft.fft(frames if window is None else frames * window, length, -1)
    if call.attrs.get("onesided", 1):
        y = y[..., : length // 2 + 1]
    return [as_type(_parts(y), call.dtype())]


def mel(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """[frequencies, bins]: triangles whose corners are equally spaced in mel, 2595 log10(1 + f / 700)."""
    bins, length, rate = (int(array(call, arrays, slot).reshape(())) for slot in range(3))
    edges = [2595 * np.log10(1 + float(array(call, arrays, slot).reshape(())) / 700) for slot in (3, 4)]
    mels = edges[0] + np.arange(bins + 2) * ((edges[1] - edges[0]) / (bins + 2))
    corners = ((length + 1) * (700 * (10 ** (mels / 2595) - 1)) // rate).astype(np.int64)
    weights = np.zeros((length // 2 + 1, bins))
    for index, (low, top, high) in enumerate(zip(corners, corners[1:], corners[2:], strict=False)):
        rise, fall = np.arange(low, top + 1), np.arange(top, high)
        weights[rise, index] = (rise - low) / (top - low) if top > low else 1
        if high > top:
            weights[fall, index] = (high - fall) / (high - top)
    return [as_type(weights, call.outs[0].dtype)]


def det(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    return [as_type(np.linalg.det(array(call, arrays, 0)), call.dtype())]
