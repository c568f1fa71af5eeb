"""Element types and stored tensors of ONNX in npusim's terms."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
from onnx import SparseTensorProto, TensorProto, numpy_helper
from onnx.external_data_helper import load_external_data_for_tensor

from npusim.errors import InputError
from npusim.ir import DType, Shape
from npusim.model import Array, Constant

# By the numbers of TensorProto.DataType; the forms of 8-bit and 4-bit floats differ in range, not in size.
DTYPES = {
    1: DType.FLOAT32, 2: DType.UINT8, 3: DType.INT8, 4: DType.UINT16, 5: DType.INT16, 6: DType.INT32, 7: DType.INT64,
    8: DType.STRING, 9: DType.BOOL, 10: DType.FLOAT16, 11: DType.FLOAT64, 12: DType.UINT32, 13: DType.UINT64,
    14: DType.COMPLEX64, 15: DType.COMPLEX128, 16: DType.BFLOAT16, 17: DType.FLOAT8, 18: DType.FLOAT8, 19: DType.FLOAT8,
    20: DType.FLOAT8, 21: DType.UINT4, 22: DType.INT4, 23: DType.FLOAT4, 24: DType.FLOAT8, 25: DType.UINT2,
    26: DType.INT2,
}  # fmt: skip
NUMBERS = {dtype: number for number, dtype in reversed(DTYPES.items())}


def dtype_of(number: int, where: str) -> DType:
    found = DTYPES.get(number)
    if found is None:
        raise InputError(f"element type {number} is not one of ONNX's", code="bad-type", where=where)
    return found


def text(name: str | bytes, where: str) -> str:
    """A name as text; InputError (bad-name) where the file holds bytes that are none."""
    if isinstance(name, bytes):
        raise InputError(f"the name {name!r} is not text", code="bad-name", where=where, fix="export the model again")
    return name


def shape_of(tensor: TensorProto) -> Shape:
    shape = tuple(tensor.dims)
    _check_sizes(tensor.name, shape)
    return shape


def _check_sizes(name: str, shape: Shape) -> None:
    if shape and min(shape) < 0:
        raise InputError(f"a stored tensor has shape {list(shape)}", code="bad-shape", where=name)


def constant(name: str, tensor: TensorProto, folder: Path | None) -> Constant:
    """A stored tensor; its elements are read from the message, or from the model's folder, when they are asked for."""
    return Constant(name, shape_of(tensor), dtype_of(tensor.data_type, name), lambda: array(tensor, folder))


def sparse_constant(name: str, sparse: SparseTensorProto) -> Constant:
    """A sparse tensor, dense when it is read."""
    shape, values, indices = tuple(sparse.dims), sparse.values, sparse.indices
    if any(size < 0 for size in shape):
        raise InputError(f"a stored tensor has shape {list(shape)}", code="bad-shape", where=name)

    def read() -> Array:
        held, where = array(values, None), array(indices, None)
        try:
            dense = np.zeros(shape, held.dtype)
            if where.ndim == 1:
                dense.reshape(-1)[where] = held
            else:
                dense[tuple(where.T)] = held
        except (IndexError, MemoryError, ValueError) as fault:
            raise InputError(f"its places do not fit its shape ({fault})", code="bad-weights", where=name) from fault
        return dense

    _check_sizes(name, shape)
    return Constant(name, shape, dtype_of(values.data_type, name), read)


def is_external(tensor: TensorProto) -> bool:
    return bool(tensor.data_location == TensorProto.EXTERNAL)


def location(tensor: TensorProto) -> str:
    """Where external data lie, relative to the model's folder."""
    return next((text(entry.value, tensor.name) for entry in tensor.external_data if entry.key == "location"), "")


def is_there(folder: Path | None, where: str) -> bool:
    """Whether the folder has that file; a name that no file can have is none."""
    try:
        return folder is not None and (folder / where).is_file()
    except OSError:
        return False


def leaves_folder(where: str) -> bool:
    """Whether a path is absolute, or climbs out of the folder it is relative to, by the rules of any system."""
    windows = PureWindowsPath(where)
    return PurePosixPath(where).is_absolute() or bool(windows.drive or windows.root) or ".." in windows.parts


def array(tensor: TensorProto, folder: Path | None) -> Array:
    """The elements; InputError (unsafe-external-path, missing-external-data, bad-weights) where they cannot be had."""
    if is_external(tensor):
        where = location(tensor)
        if leaves_folder(where):
            raise InputError(
                f"its data lie outside the model's folder ({where})", code="unsafe-external-path", where=tensor.name
            )
        if folder is None or not is_there(folder, where):
            raise InputError(f"its data file {where} is not there", code="missing-external-data", where=tensor.name)
        if folder.resolve() not in (folder / where).resolve().parents:
            what = f"its data file {where} is a link that leaves the model's folder"
            raise InputError(what, code="unsafe-external-path", where=tensor.name)
        copied = TensorProto()
        copied.CopyFrom(tensor)
        tensor = copied
        try:
            load_external_data_for_tensor(tensor, str(folder))
            tensor.data_location = TensorProto.DEFAULT  # which older versions leave to the caller
        except Exception as fault:
            raise InputError(f"its data cannot be read ({fault})", code="bad-weights", where=tensor.name) from fault
    try:
        elements: np.ndarray[Any, Any] = numpy_helper.to_array(tensor)
    except Exception as fault:
        raise InputError(f"its data do not fit its shape ({fault})", code="bad-weights", where=tensor.name) from fault
    return elements
