"""Trains SESR x2 on luma and writes its weights: python training/train_sesr.py m5 -o models/weights/sesr-m5-x2.npz

The network is that of npusim/reference/sesr.py, expanded: each block k x k to 256 channels and 1 x 1 back, with a short
skip around the middle ones, two long skips and a PReLU a channel. A step collapses each block to one kernel and runs
that (section 3.3 of the paper, arXiv 2103.09404): the gradient reaches the expanded weights through the product.
One thread on a CPU: the same torch on the same kind of machine gives the same weights.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from math import cos, pi
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dataset import VALIDATION, Pair, bicubic, pairs, psnr, training_pairs
from torch import Tensor, nn
from torch.nn import functional

SIZES = {"m3": 3, "m5": 5, "m7": 7}  # middle blocks
FEATURES, EXPANDED, SCALE = 16, 256, 2
CENTRE = 0.5  # taken from the luma in front of the first block
BATCH, PATCH = 32, 32  # patches a step, and their side at low resolution
RATE = 5e-4  # of Adam; it falls to nothing along half a cosine
FLAT = 0.02  # a patch whose luma varies less has nothing to learn from
EVERY = 500  # steps between two looks at the validation pictures


class Block(nn.Module):
    """A linear block: k x k to EXPANDED channels, 1 x 1 back, no biases."""

    def __init__(self, inputs: int, outputs: int, size: int, *, short_skip: bool) -> None:
        super().__init__()
        self.wide = nn.Parameter(nn.init.xavier_uniform_(torch.empty(EXPANDED, inputs, size, size)))
        self.narrow = nn.Parameter(nn.init.xavier_uniform_(torch.empty(outputs, EXPANDED)))
        self.skip = torch.zeros(outputs, inputs, size, size)
        if short_skip:
            self.skip[range(outputs), range(inputs), size // 2, size // 2] = 1

    def kernel(self) -> Tensor:
        """Algorithms 1 and 2: the one kernel of the block."""
        return (self.narrow @ self.wide.flatten(1)).view_as(self.skip) + self.skip

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.kernel(), padding="same")


class Sesr(nn.Module):
    """[batch, 1, h, w] to [batch, 1, 2h, 2w]."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.first = Block(1, FEATURES, 5, short_skip=False)
        self.middle = nn.ModuleList(Block(FEATURES, FEATURES, 3, short_skip=True) for _ in range(blocks))
        self.slopes = nn.ParameterList(torch.full((FEATURES,), 0.25) for _ in range(blocks))
        self.last = Block(FEATURES, SCALE**2, 5, short_skip=False)

    def forward(self, image: Tensor) -> Tensor:
        first = self.first(image - CENTRE)
        x = first
        for block, slope in zip(self.middle, self.slopes, strict=True):
            x = functional.prelu(block(x), slope)
        return functional.pixel_shuffle(self.last(x + first) + image, SCALE)

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """The weights as npusim/reference/trained.py reads them, rounded to float16."""
        blocks = {"first": self.first, "last": self.last}
        blocks |= {f"middle{index}": block for index, block in enumerate(self.middle)}
        found = {
            f"{name}.{part}": getattr(block, part) for name, block in blocks.items() for part in ("wide", "narrow")
        }
        found |= {f"middle{index}.slope": slope for index, slope in enumerate(self.slopes)}
        return {name: found[name].detach().numpy().astype(np.float16) for name in sorted(found)}


def batch(rng: np.random.Generator, pool: Sequence[Pair], shares: np.ndarray[Any, Any]) -> tuple[Tensor, Tensor]:
    """Patches that are not flat, each turned and mirrored by chance."""
    small, large = [], []
    while len(small) < BATCH:
        chosen = pool[rng.choice(len(pool), p=shares)]
        row, column = (int(rng.integers(side - PATCH + 1)) for side in chosen.small.shape)
        patch = chosen.small[row : row + PATCH, column : column + PATCH]
        if patch.std() < FLAT:
            continue
        row, column, side = row * SCALE, column * SCALE, PATCH * SCALE
        turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
        for into, each in ((small, patch), (large, chosen.large[row : row + side, column : column + side])):
            turned = np.rot90(each, turns)
            into.append(turned[:, ::-1] if mirrored else turned)
    return torch.from_numpy(np.stack(small)[:, None]), torch.from_numpy(np.stack(large)[:, None])


def gain(network: Sesr, looked_at: Sequence[Pair]) -> float:
    """dB over bicubic, on average."""
    with torch.no_grad():
        made = [network(torch.from_numpy(each.small)[None, None])[0, 0].numpy() for each in looked_at]
    return float(
        np.mean([psnr(a, p.large) - psnr(bicubic(p.small), p.large) for a, p in zip(made, looked_at, strict=True)])
    )


def train(network: Sesr, steps: int, seed: int, checkpoint: Path) -> None:
    """Keeps what is best on the validation pictures; goes on from the checkpoint where there is one."""
    pool, looked_at = training_pairs(), list(pairs(VALIDATION).values())
    # In proportion to area: every pixel is as likely.
    shares = np.array([each.small.size for each in pool]) / sum(each.small.size for each in pool)
    optimiser = torch.optim.Adam(network.parameters(), RATE)
    start, best, kept = 0, -np.inf, network.state_dict()
    if checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        start, best, kept = state["step"], state["best"], state["kept"]
    began, loss_sum = time.monotonic(), 0.0
    for step in range(start, steps):
        # A generator a step, so that a run that was interrupted draws what it would have drawn.
        small, large = batch(np.random.default_rng([seed, step]), pool, shares)
        optimiser.param_groups[0]["lr"] = RATE * (1 + cos(pi * step / steps)) / 2
        loss = functional.l1_loss(network(small), large)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        loss_sum += loss.item()
        if (step + 1) % EVERY and step + 1 < steps:
            continue
        found = gain(network, looked_at)
        if found > best:
            best, kept = found, {name: value.clone() for name, value in network.state_dict().items()}
        state = {"network": network.state_dict(), "optimiser": optimiser.state_dict(), "kept": kept}
        torch.save({**state, "step": step + 1, "best": best}, checkpoint)
        seconds = time.monotonic() - began
        print(f"{step + 1}/{steps} {seconds:.0f} s, L1 {loss_sum / EVERY:.5f}, validation {found:+.3f} dB", flush=True)
        loss_sum = 0.0
    network.load_state_dict(kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", choices=sorted(SIZES))
    parser.add_argument("--output", "-o", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=12_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--checkpoint", type=Path, help="what is needed to go on, until it is done; beside -o by default"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(given.seed)
    network = Sesr(SIZES[given.size])
    checkpoint = given.checkpoint or given.output.with_suffix(".pt")
    given.output.parent.mkdir(parents=True, exist_ok=True)
    train(network, given.steps, given.seed, checkpoint)
    np.savez_compressed(given.output, **network.arrays())
    checkpoint.unlink()


if __name__ == "__main__":
    main()
