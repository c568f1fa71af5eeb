"""ONNX files, read to and written from a Model. The only package here that imports the onnx library."""

from npusim.frontends.onnx.read import read_onnx
from npusim.frontends.onnx.write import write_onnx

__all__ = ["read_onnx", "write_onnx"]
