"""npusim: how many MACs, how much DRAM traffic and how many milliseconds a network takes on an NPU, and why."""

__version__ = "0.1.0"
