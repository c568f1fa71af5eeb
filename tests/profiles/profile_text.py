"""A small profile to damage in tests: every key that must be there, two variants, one table of an extension."""

from __future__ import annotations

from pathlib import Path

TEXT = """\
name = "tiny"
vendor = "nobody"
target = "generic"
default_variant = "base"
native_dtype = "int8"
source = "made up for tests"
confidence = "none at all"
extensions = ["ethos_n"]
assumptions = ["nothing is real"]
clock_hz = { value = 500, unit = "MHz", source = "sheet" }

[sources]
sheet = "data sheet of a chip that does not exist"
guess = "assumption: a guess of the tests"

[mac_array]
macs_per_cycle = { value = 64, unit = "MAC/cycle", source = "sheet" }
unroll_in_channels = { value = 4, unit = "1", source = "sheet" }
unroll_out_channels = { value = 8, unit = "1", source = "sheet" }
unroll_height = { value = 2, unit = "1", source = "sheet" }
unroll_width = { value = 1, unit = "1", source = "sheet" }
depthwise_channels = { value = 4, unit = "1", source = "sheet" }
kernel_sides = { value = [1, 3], unit = "1", source = "sheet" }
max_stride = { value = 2, unit = "1", source = "sheet" }
max_batch = { value = 1, unit = "1", source = "sheet" }
grouped = { value = false, source = "sheet" }
upsample_factor = { value = 0, unit = "1", source = "sheet" }
upsample_max_kernel = { value = 0, unit = "1", source = "sheet" }
stripe_cycles = { value = 0, unit = "cycles", source = "guess" }
stripe_min_cycles = { value = 0, unit = "cycles", source = "guess" }

[vector_unit]
step_height = { value = 1, unit = "1", source = "sheet" }
step_width = { value = 1, unit = "1", source = "sheet" }
step_channels = { value = 8, unit = "1", source = "sheet" }
fused = { value = ["relu"], source = "sheet" }
stripe_cycles = { value = 0, unit = "cycles", source = "guess" }
stripe_min_cycles = { value = 0, unit = "cycles", source = "guess" }

[vector_unit.step_cycles]
passthrough = { value = 1, unit = "cycles", source = "sheet" }
relu = { value = 1.5, unit = "cycles", source = "sheet" }

[fallback]
name = "host"
macs_per_cycle = { value = 0.5, unit = "MAC/cycle", source = "guess" }
elements_per_cycle = { value = 1, unit = "elements/cycle", source = "guess" }

[sram]
size_bytes = { value = 64, unit = "KiB", source = "sheet" }
reserved_bytes = { value = 1, unit = "KiB", source = "sheet" }

[dram]
read_bytes_per_s = { value = 2.5, unit = "GB/s", source = "sheet" }
write_bytes_per_cycle = { value = 4, unit = "B/cycle", source = "sheet" }

[dma]
stripe_cycles = { value = 10, unit = "cycles", source = "guess" }
stripe_min_cycles = { value = 20, unit = "cycles", source = "guess" }

[layout]
sram_height = { value = 1, unit = "1", source = "sheet" }
sram_width = { value = 1, unit = "1", source = "sheet" }
sram_channels = { value = 8, unit = "1", source = "sheet" }
dram_height = { value = 1, unit = "1", source = "sheet" }
dram_width = { value = 1, unit = "1", source = "sheet" }
dram_channels = { value = 8, unit = "1", source = "sheet" }

[compression]
available = { value = true, source = "sheet" }
default_saving = { value = 25, unit = "%", source = "guess" }

[weight_stream]
bits_per_weight = { value = 8, unit = "bit", source = "sheet" }
channel_bits = { value = 32, unit = "bit", source = "sheet" }
channel_multiple = { value = 8, unit = "1", source = "sheet" }
stream_multiple_bytes = { value = 16, unit = "B", source = "sheet" }

[ethos_n.kernels.relu]
cycles = { value = 7, unit = "cycles", source = "sheet" }
blocks = { value = ["8x8", "16x16"], source = "sheet" }
code_bytes = { value = 4, unit = "KiB", source = "sheet" }

[variant.base]

[variant.wide.mac_array]
macs_per_cycle = { value = 128, unit = "MAC/cycle", source = "sheet" }
unroll_out_channels = { value = 16, unit = "1", source = "sheet" }

[variant.wider]
inherits = "wide"

[variant.wider.sram]
size_bytes = { value = 1, unit = "MiB", source = "guess" }

[variant.wider.ethos_n.kernels.relu]
cycles = { value = 9, unit = "cycles", source = "guess" }
"""


def write(folder: Path, *edits: tuple[str, str]) -> str:
    """The path of the profile with each first text replaced by the second, once."""
    text = TEXT
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    path = folder / "tiny.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def line(fragment: str) -> int:
    """The line of the profile, from 1, on which the text first stands."""
    return TEXT[: TEXT.index(fragment)].count("\n") + 1
