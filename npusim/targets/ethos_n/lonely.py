"""The best plan of a part on its own (PLANNER.md section 9)."""

from __future__ import annotations

import numpy as np

from npusim.targets.ethos_n.candidates import lonely_plans, weight_buffer
from npusim.targets.ethos_n.columns import C, Plans
from npusim.targets.ethos_n.machine import Machine
from npusim.targets.ethos_n.parts import Kind, Part
from npusim.targets.ethos_n.passes import Rules, lonely_metric
from npusim.targets.ethos_n.sram import fits_alone
from npusim.targets.ethos_n.standalone import connected_plans, ple_plans


def all_lonely(part: Part, machine: Machine) -> Plans:
    """Every plan of the part on its own that can be placed in SRAM, in the compiler's order."""
    if part.kind is Kind.PLE:
        plans = ple_plans(part, machine, border_slots=None)
    elif part.kind is Kind.FC:
        plans = connected_plans(part, machine)
    else:
        plans = lonely_plans(part, machine)
    buffers = [plans[C.TILE_BYTES]] * len(part.ins) + [weight_buffer(plans), plans[C.OUT_BYTES]]
    if part.kind is Kind.PLE:
        buffers.pop(-2)
    return plans.take(fits_alone(machine, buffers, with_ple=True))


def best_lonely(part: Part, machine: Machine, rules: Rules) -> tuple[float, Plans] | None:
    """The least cycles and the first plan that takes them; None where the part has no plan."""
    plans = all_lonely(part, machine)
    if not len(plans):
        return None
    cycles = lonely_metric(part, machine, plans, rules)
    best = int(np.argmin(cycles))
    return float(cycles[best]), plans.take(slice(best, best + 1))
