"""Ways to move the receiver's kernels, alone and together with single weights -> results/parametrizations.csv.

python studies/parametrizations.py [--clips foreman tree1080 carphone] [--variants NAME ...] [--steps 500] [--reach 1]

All variants have the settings of the preset `dual` without steps on latents, and beta 1e-3. Biases, GDN and the factorized prior move
parameter by parameter in each of them. The kernels move in these ways:

weights           each weight by itself, as the package does
gains             a factor for each output channel and one for each input channel
mix               each input channel takes up the kernels of the other input channels: dW[:, i] = sum of m[i, j] W[:, j]
low-rank          dW = A V' + U B, where U and V are the first 8 singular vectors of the kernel as a matrix (rows are output channels)
NAME+weights      both

A bin of a new number changes the layer's output by REACH times as much as a bin of one weight does: this is its scale, a power of two.
Costs are estimates.
"""
import argparse
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from instance_compression.adapt_config import PRESETS
from instance_compression.adaptation import adapt
from instance_compression.common import append_row, has_row, provenance, run_command
from instance_compression.hyperprior import load_global, model_identity, receiver_parameters, unflatten
from instance_compression.update import UPDATES, priced_update, scales_of
from instance_compression.video import load_clip

TABLE = Path(__file__).parents[1] / "results/parametrizations.csv"
RANK = 8
REACH = 1.0  # set by the option --reach
CONVOLUTIONS = ("h_s.4.weight",)  # (O,I,h,w); all other kernels of the receiver are those of transposed convolutions, (I,O,h,w)


def power_of_two(scale: Tensor) -> Tensor:
    "REACH times the scale, rounded to a power of two, as bin scales are."
    return REACH * scale.log2().round().exp2()


def matrix_of(name: str, kernel: Tensor) -> Tensor:  # (O,I,taps)
    "A kernel with its output channels first."
    return (kernel if name in CONVOLUTIONS else kernel.transpose(0, 1)).flatten(2)


def kernel_of(name: str, matrix: Tensor, like: Tensor) -> Tensor:  # of the shape of `like`
    "The inverse of `matrix_of`."
    o, i = like.shape[:2] if name in CONVOLUTIONS else like.shape[1::-1]
    kernel = matrix.reshape(o, i, *like.shape[2:])
    return kernel if name in CONVOLUTIONS else kernel.transpose(0, 1)


class Gains:
    "A factor for each output channel and one for each input channel of a kernel."
    def __init__(self, w: Tensor, c: Tensor):  # kernel and bin scales (O,I,taps)
        energy = (w / c).square()
        self.w = w
        self.scale_out = power_of_two(energy.sum((1, 2)).rsqrt())
        self.scale_in = power_of_two(energy.sum((0, 2)).rsqrt())

    @staticmethod
    def sizes(o: int, i: int, taps: int) -> tuple: return o, i

    def change(self, amounts: Tensor) -> Tensor:  # (O,I,taps)
        out, inside = amounts.split(self.sizes(*self.w.shape))
        return self.w * (self.scale_out * out)[:, None, None] + self.w * (self.scale_in * inside)[None, :, None]


class Mix:
    "Each input channel takes up the kernels of the others."
    def __init__(self, w: Tensor, c: Tensor):
        self.w = w
        self.scale = power_of_two(c[0, :, :1] / w.square().sum((0, 2)).sqrt()[None])  # (I,I)

    @staticmethod
    def sizes(o: int, i: int, taps: int) -> tuple: return (i * i,)

    def change(self, amounts: Tensor) -> Tensor:
        return torch.einsum("ij,ojt->oit", self.scale * amounts.view(self.scale.shape), self.w)


class LowRank:
    "The tangent space at the first singular vectors: dW = A V' + U B."
    def __init__(self, w: Tensor, c: Tensor):
        u, _, vt = torch.linalg.svd((w / c).flatten(1).double(), full_matrices=False)
        self.shape, self.u, self.vt = w.shape, u[:, :RANK].float(), vt[:RANK].float()  # (O,r), (r,I taps)
        self.c = REACH * c.expand(w.shape).flatten(1)

    @staticmethod
    def sizes(o: int, i: int, taps: int) -> tuple:
        rank = min(RANK, o, i * taps)
        return o * rank, rank * i * taps

    def change(self, amounts: Tensor) -> Tensor:
        a, b = amounts.split(self.sizes(*self.shape))
        return (self.c * (a.view(self.u.shape) @ self.vt + self.u @ b.view(self.vt.shape))).view(self.shape)


class Parametrization:
    "An update that moves kernels in some ways, and all other parameters one by one."
    def __init__(self, *ways: type, weights: bool):
        self.ways, self.weights, self.prepared = ways, weights, {}

    def single(self, theta: dict) -> dict:
        "The parameters that move one by one."
        return {name: p for name, p in theta.items() if self.weights or p.dim() != 4}

    def layout(self, theta: dict) -> dict:
        shapes = {name: tuple(p.shape) for name, p in self.single(theta).items()}
        for name, kernel in theta.items():
            if kernel.dim() != 4: continue
            for way in self.ways: shapes[f"{name} {way.__name__}"] = (sum(way.sizes(*matrix_of(name, kernel).shape)),)
        return shapes

    def movers(self, theta: dict, scales: dict) -> dict:  # (name, way) -> object with `change`; made once for each global model
        key = id(next(iter(theta.values())))
        if key not in self.prepared:
            self.prepared = {key: {(name, way.__name__): way(matrix_of(name, p.detach()), matrix_of(name, scales[name]))
                                   for name, p in theta.items() if p.dim() == 4 for way in self.ways}}
        return self.prepared[key]

    def changes(self, theta: dict, scales: dict, amounts: Tensor) -> dict:
        "Name -> change of the parameter."
        single, movers, shapes = self.single(theta), self.movers(theta, scales), list(self.layout(theta).values())
        own, *others = amounts.split([sum(p.numel() for p in single.values()), *(n for n, in shapes[len(single):])])
        changes = {name: scales[name] * change for name, change in unflatten(own, single).items()}
        for (name, _), mover, some in zip(movers, movers.values(), others, strict=True):
            changes[name] = changes.get(name, 0) + kernel_of(name, mover.change(some), theta[name])
        return changes

    def in_training(self, theta, delta: Tensor, prior, quantize: bool, price: str) -> tuple:
        amounts, bits = priced_update(torch.zeros_like(delta), delta, prior, torch.ones_like(delta), quantize, price)
        changes = self.changes(theta.parameters, theta.moved(theta.scale), amounts)
        return {name: p.detach() + changes.get(name, 0) for name, p in theta.parameters.items()}, bits

    def in_file_order(self, theta, delta: Tensor) -> Tensor: return delta

    def applied(self, model_global, levels: np.ndarray, prior) -> dict:
        theta = receiver_parameters(model_global)
        scales = {name: scales_of(model_global, {name: p}).view(p.shape) for name, p in theta.items()}
        amounts = prior.bin_width * torch.from_numpy(np.asarray(levels)).float()
        return {name: theta[name].detach() + change for name, change in self.changes(theta, scales, amounts).items()}


WAYS = {"gains": Gains, "mix": Mix, "low-rank": LowRank}
VARIANTS = {"encoder only": None, "weights": Parametrization(weights=True)}
VARIANTS |= {name: Parametrization(way, weights=False) for name, way in WAYS.items()}
VARIANTS |= {f"{name}+weights": Parametrization(way, weights=True) for name, way in WAYS.items()}
UPDATES.update({name: update for name, update in VARIANTS.items() if update})


def run(clip: str, variant: str, steps: int):
    "Adapt, and append the row."
    cfg = replace(PRESETS["dual"], latent_steps=0, steps=steps, evaluations=1)
    cfg = replace(cfg, method="encoder") if VARIANTS[variant] is None else replace(cfg, update=variant)
    model, frames = load_global(cfg.beta, model_set="first"), load_clip(clip).frames
    if has_row(TABLE, clip=clip, variant=variant, steps=steps, reach=REACH, model=model_identity(model)): return
    result = adapt(model, frames, cfg, progress=False)
    first, last, n_pixels = result.log[0]["loss"], result.log[-1]["loss"], math.prod(frames.shape[:3])
    append_row(TABLE, {"clip": clip, "beta": cfg.beta, "model": model_identity(model), "variant": variant, "reach": REACH,
                       "steps": steps, "seed": cfg.seed,
                       "loss_global": first, "loss": last, "fall_percent": round(100 * (1 - last / first), 3),
                       "kbit_update": round(result.log[-1].get("bpp_model", 0.0) * n_pixels / 1000, 2),
                       "n_nonzero": result.log[-1]["n_nonzero"], "n_levels": len(result.levels),
                       "seconds": result.log[-1]["seconds"]} | provenance())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", nargs="+", default=["foreman", "tree1080", "carphone"], help="Clips.")
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS), help="Variants.")
    parser.add_argument("--steps", type=int, default=500, help="Steps of each run.")
    parser.add_argument("--reach", type=float, default=1.0, help="REACH.")
    args = parser.parse_args()
    torch.set_num_threads(1)
    global REACH
    REACH = args.reach
    for clip in args.clips:
        for variant in args.variants: run(clip, variant, args.steps)


if __name__ == "__main__": run_command(main)
