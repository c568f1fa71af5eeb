"""What was chosen, in plain values for people to read, and how much memory it takes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from npusim.targets.ethos_n.columns import C, Plans
from npusim.targets.ethos_n.costs import Format
from npusim.targets.ethos_n.glue import Chosen
from npusim.targets.ethos_n.machine import Machine
from npusim.targets.ethos_n.parts import Kind, Line, Part
from npusim.targets.ethos_n.passes import multiplier
from npusim.targets.ethos_n.settle import Settled
from npusim.targets.ethos_n.sram import code_in_bank, in_bank

NAMES = {Format.NHWC: "NHWC", Format.NHWCB: "NHWCB", Format.DEEP: "FCAF_DEEP", Format.WIDE: "FCAF_WIDE"}


def mapping_of(line: Line, chosen: Sequence[Chosen], each: Settled, machine: Machine) -> dict[str, Any]:
    """The choice behind a pass: stripes (height x width x channels), slots, block, algorithm, formats."""
    found: dict[str, Any] = {
        "ifm_from": [_place(fmt) for fmt in each.reads],
        "ofm_to": [_place(fmt) for fmt in each.writes],
    }
    if not each.writes:
        found["ofm_to"] = ["SRAM"]
    if not each.numbers:
        return found
    front, back = each.numbers[0], each.numbers[-1]
    part, plans = line.parts[front].part, _plans(chosen, front)
    last, after = line.parts[back].part, _plans(chosen, back)
    found |= {
        "ifm_stripe": _stripe(plans, C.IN), "ifm_slots": int(plans[C.IN_SLOTS][0]),
        "ofm_stripe": _stripe(after, C.OUT), "ofm_slots": int(after[C.OUT_SLOTS][0]), "ple_program": last.program,
    }  # fmt: skip
    if part.kind is not Kind.PLE and plans[C.WEIGHT_SLOT_BYTES][0]:
        found |= {
            "algorithm": "winograd" if plans[C.WINOGRAD][0] else "direct", "mce_stripe": _stripe(plans, C.MCE_OUT),
            "weight_slots": int(plans[C.WEIGHT_SLOTS][0]), "weight_stripes": int(plans[C.WEIGHT_STRIPES][0]),
        }  # fmt: skip
    if plans[C.BLOCK_W][0]:
        found["block"] = f"{plans[C.BLOCK_W][0]}x{plans[C.BLOCK_H][0]}"
        found["block_multiplier"] = int(multiplier(last, machine, after)[0])
    if plans[C.PACK_ROWS][0] or plans[C.PACK_SIDES][0]:
        found["packed_boundary"] = True
    return found


def sram_bytes(line: Line, chosen: Sequence[Chosen], passes: Sequence[Settled], machine: Machine) -> list[int]:
    """What SRAM holds while each pass runs: what its section has kept, its own buffers, and its program's code if that
    is new."""
    loaded: dict[int, set[Hashable]] = {}  # programs, by section
    known: dict[tuple[Part, bytes], tuple[int, int, Hashable]] = {}
    found = []
    for each in passes:
        total, code = chosen[each.numbers[0]].taken_bytes if each.numbers else 0, None
        for number in each.numbers:
            section, part, plans = chosen[number].section, line.parts[number].part, _plans(chosen, number)
            inside = sum(chosen[producer].section == section for producer in line.parts[number].inputs)
            key = (part, plans.data.tobytes())
            if key not in known:
                known[key] = _needs(part, machine, plans)
            tile, own, code = known[key]
            total += tile * (len(part.ins) - inside) + own
        programs = loaded.setdefault(chosen[each.after].section, set())
        if code is not None and code not in programs:
            total += code_in_bank(machine)
            programs.add(code)
        found.append(total * machine.banks)
    return found


def _needs(part: Part, machine: Machine, plans: Plans) -> tuple[int, int, Hashable]:
    """Of a bank: bytes of an input's buffer, and of weights and output; and the program."""
    weights = in_bank(machine, plans[C.WEIGHT_SLOTS] * plans[C.WEIGHT_SLOT_BYTES])
    own = int(weights[0]) + int(in_bank(machine, plans[C.OUT_BYTES])[0])
    times = int(multiplier(part, machine, plans)[0])
    code = (part.program, part.flavour, int(plans[C.BLOCK_W][0]), int(plans[C.BLOCK_H][0]), times)
    return int(in_bank(machine, plans[C.TILE_BYTES])[0]), own, code


def stream_bytes(chosen: Sequence[Chosen], each: Settled) -> int:
    """The encoded weights of a pass, once."""
    return int(_plans(chosen, each.numbers[0])[C.WEIGHT_BYTES][0]) if each.numbers else 0


def _plans(chosen: Sequence[Chosen], number: int) -> Plans:
    plans = chosen[number].plans
    assert plans is not None
    return plans


def _stripe(plans: Plans, column: C) -> str:
    return "x".join(str(plans[column + axis][0]) for axis in range(3))


def _place(fmt: Format | None) -> str:
    return "SRAM" if fmt is None else NAMES[fmt]
