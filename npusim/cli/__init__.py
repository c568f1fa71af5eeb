"""The command line: it parses, calls and prints. A command is a file, imported when it is called."""

from __future__ import annotations

from npusim.cli.group import Commands

# Every command: the module that holds it as ``command``, and what the overview says of it.
COMMANDS = {
    "estimate": ("npusim.cli.estimate", "How many MACs, bytes and milliseconds a network takes, layer by layer."),
    "explain": ("npusim.cli.explain", "Why it takes that long, and what would make it faster."),
    "collapse": (
        "npusim.cli.collapse",
        "Writes a network with its linear chains as one convolution each, and proves it.",
    ),
    "tile": ("npusim.cli.tile", "What a frame takes in tiles, which tile is the best, and whether it is exact."),
    "validate": ("npusim.cli.validate", "Whether a graph computes what it should, on seeded inputs."),
    "upscale": ("npusim.cli.upscale", "A picture twice as wide and high, by a network with trained weights."),
    "compare": ("npusim.cli.compare", "Networks by profiles by sizes in one table; the paper's claims, recomputed."),
    "roofline": ("npusim.cli.roofline", "Layers and networks below what the MAC array and the DRAM can do at most."),
    "frontier": ("npusim.cli.frontier", "Published PSNR against MACs, milliseconds or DRAM, and the Pareto front."),
    "accuracy": ("npusim.cli.accuracy", "How far the model is from published and reference figures."),
    "profiles": ("npusim.cli.profiles", "The hardware that npusim knows: list, show, check."),
    "report": ("npusim.cli.report", "A saved result in another format."),
    "zoo": ("npusim.cli.zoo", "The networks that npusim has: list, export."),
}

main = Commands(
    COMMANDS,
    name="npusim",
    help="How many MACs, how much DRAM traffic and how many milliseconds a network takes on an NPU, and why.",
    epilog="npusim COMMAND --help says more. "
    "Exit codes: 0 success; 1 the estimate could not be made as asked; 2 wrong input.",
)
