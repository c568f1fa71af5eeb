"""Figures of npusim as a user meets it: cold, warm, a large graph, absent weights, pictures. Prints one table.

Each process is timed from outside (wall clock, peak resident set of the process itself); medians of several runs, the
compared commands in turn, so that a drift of the machine's speed meets both.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path

PEER = "onnx-tool==1.0.1"
# Users run with compiled modules at hand; a checkout must be allowed to keep them, as an installed package has them.
ENV = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
RUNS = 9


def timed(argv: list[str]) -> tuple[float, float]:
    """Wall seconds and peak MiB of one process; its output is thrown away, a failure ends the benchmark."""
    start = time.perf_counter()
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, env=ENV)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{argv} exited with {child.returncode}")
    return seconds, usage.ru_maxrss / 1024


def npusim(*args: str) -> list[str]:
    return [sys.executable, "-m", "npusim", *args]


def peer(folder: Path) -> Path:
    """A Python with the MAC counter alone, made once and kept beside the benchmark's scratch files."""
    python = folder / "peer" / "bin" / "python"
    if not python.exists():
        venv.create(folder / "peer", with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", PEER], check=True)
    return python


def cold(folder: Path) -> str:
    model = folder / "sesr-m5-x2.onnx"
    export = npusim("zoo", "export", "sesr-m5-x2", "--size", "1920x1080", "-o", str(model))
    subprocess.run(export, check=True, stdout=subprocess.DEVNULL)
    ours = npusim("estimate", "sesr-m5-x2", "--size", "1920x1080")
    theirs = [str(peer(folder)), "-m", "onnx_tool", "-i", str(model), "-m", "profile"]
    pairs = [(timed(ours)[0], timed(theirs)[0]) for _ in range(RUNS + 1)][1:]
    ratio = statistics.median(a / b for a, b in pairs)
    a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
    return f"cold    {a:.3f} s against {b:.3f} s: ratio {ratio:.2f} (wanted <= 1.6)"


WARM = """
import time, statistics, onnx, pathlib, npusim
light = pathlib.Path(onnx.__file__).parent / "backend/test/data/light/light_resnet50.onnx"
graph = npusim.load(str(light))
def once():
    start = time.perf_counter(); npusim.estimate(graph, profile="ethos-n78"); return time.perf_counter() - start
once()
print(statistics.median(once() for _ in range(9)))
"""


def warm() -> str:
    done = subprocess.run([sys.executable, "-c", WARM], check=True, capture_output=True, text=True)
    return f"warm    {float(done.stdout) * 1e3:.1f} ms (wanted < 50)"


def make_large(path: Path) -> None:
    """A chain of 50,000 convolutions, each with its activation."""
    from onnx import TensorProto, helper, save  # noqa: PLC0415 - not in the process that measures

    nodes, inits, last = [], [], "input"
    for index in range(50_000):
        inits.append(helper.make_tensor(f"w{index}", TensorProto.FLOAT, [8, 8, 1, 1], bytes(256), raw=True))
        nodes.append(helper.make_node("Conv", [last, f"w{index}"], [f"c{index}"]))
        nodes.append(helper.make_node("Relu", [f"c{index}"], [f"r{index}"]))
        last = f"r{index}"
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "large", [value("input", 1, [1, 8, 16, 16])], [value(last, 1, [1, 8, 16, 16])], inits
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def large(folder: Path) -> str:
    seconds, peak = timed(npusim("estimate", made(make_large, folder / "large.onnx")))
    return f"large   {seconds:.2f} s, {peak:.0f} MiB (wanted < 10 s, < 1024 MiB)"


def make_absent(path: Path) -> None:
    """Four matrices of 25,000 x 25,000 float32, 10 GB, in a file that is not there."""
    from onnx import StringStringEntryProto, TensorProto, helper, save  # noqa: PLC0415 - as above

    side, count = 25_000, 4
    nodes, inits, last = [], [], "input"
    for index in range(count):
        weight = TensorProto(
            name=f"w{index}", data_type=TensorProto.FLOAT, dims=[side, side], data_location=TensorProto.EXTERNAL
        )
        weight.external_data.append(StringStringEntryProto(key="location", value="weights.bin"))
        inits.append(weight)
        nodes.append(helper.make_node("MatMul", [last, f"w{index}"], [f"y{index}"]))
        last = f"y{index}"
    value = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "absent", [value("input", 1, [1, side])], [value(last, 1, [1, side])], inits)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def absent(folder: Path) -> str:
    seconds, peak = timed(npusim("estimate", made(make_absent, folder / "absent.onnx")))
    return f"absent  {seconds:.2f} s, {peak:.0f} MiB (wanted < 300 MB)"


def make_picture(path: Path) -> None:
    """480 x 270 in colour, or 1920 x 1080: waves that grow finer towards a corner."""
    import numpy as np  # noqa: PLC0415 - as above

    from npusim.pictures import Picture, write_png  # noqa: PLC0415 - as above

    height, width = (270, 480) if path.stem == "small" else (1080, 1920)
    rows, columns = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    planes = tuple(0.5 + 0.5 * np.sin(80 * (rows * (rows + turn) + columns**2)) for turn in (0, 0.3, 0.6))
    write_png(path, Picture(planes))


def upscaled(folder: Path, stem: str, wanted: str) -> str:
    into = folder / f"{stem}-large.png"
    seconds, peak = timed(npusim("upscale", made(make_picture, folder / f"{stem}.png"), "-o", str(into), "--quiet"))
    return f"{stem:<7} {seconds:.2f} s, {peak:.0f} MiB (wanted {wanted})"


EXECUTED = """
import numpy as np
from npusim import load
from npusim.reference import execute, seeded_weights
graph = load("sesr-m5-x2", size=(1920, 1080))
execute(graph, {"input": np.random.default_rng(0).random((1, 1, 1080, 1920), np.float32)}, seeded_weights(graph))
"""


def executed() -> str:
    """The graph's own layers in numpy, the frame at once and not in tiles."""
    seconds, peak = timed([sys.executable, "-c", EXECUTED])
    return f"layers  {seconds:.2f} s, {peak:.0f} MiB (wanted < 1024 MiB)"


def tiled() -> str:
    """A search over 2,071 tile sizes."""
    seconds, peak = timed(npusim("tile", "sesr-m5-x2", "--size", "1920x1080", "--sweep"))
    return f"tiles   {seconds:.2f} s, {peak:.0f} MiB (wanted < 20 s, < 500 MB)"


def made(make: Callable[[Path], None], path: Path) -> str:
    """The path of a model, made by a process of its own: a child's peak counts what its parent held when it started."""
    maker = multiprocessing.get_context("spawn").Process(target=make, args=(path,))
    maker.start()
    maker.join()
    return str(path)


def main() -> None:
    folder = Path(tempfile.gettempdir()) / "npusim-bench"
    folder.mkdir(exist_ok=True)
    pictures = (
        lambda: upscaled(folder, "small", "< 3 s"),
        lambda: upscaled(folder, "frame", "< 1024 MiB"),
    )
    for figure in (
        lambda: cold(folder),
        warm,
        lambda: large(folder),
        lambda: absent(folder),
        *pictures,
        executed,
        tiled,
    ):
        print(figure(), flush=True)


if __name__ == "__main__":
    main()
