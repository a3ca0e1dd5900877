"""Train global models one after the other on one device, within a given time.

python studies/gpu_train.py JOBS.json --photographs a.zip b.zip --out FOLDER

A job is {"name", "size", "beta", "init", "seconds" or "steps", "decay", "lr", "batch_size", "crop"}; `init` is a model file,
the name of an earlier job, or null for the block transform. Photographs lie on the device, in several sizes, and crops are cut there.
On a GPU the whole step is one CUDA graph, and convolutions take TF32 inputs. Each finished job leaves a model (.safetensors)
and its losses (.csv) in the folder.
"""
import argparse
import csv
import io
import json
import math
import time
import zipfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path
from types import MethodType

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from instance_compression.hyperprior import PlainGDN
from instance_compression.hyperprior import SIZES, Hyperprior, init_transform, load_model, quantizer_gain, save_model
from instance_compression.layers import GDN
from instance_compression.rate_distortion import psnr_of, rate_distortion
from instance_compression.training import branch, validate
from instance_compression.update import calibrate_scales

SCALES = (0.6, 0.72, 0.86, 1.0, 1.25)  # sizes in which each photograph is kept
CHUNK = 250  # steps whose crops are drawn at once; the losses are read once a chunk
LEARNING_RATES = {"g": 1.0, "h": 2.0, "e": 3.0}  # of transforms, hyper-transforms, factorized prior, in units of a job's lr


# ---- photographs on the device

def resized(data: bytes) -> list:  # uint8 (H,W,3), one for each of SCALES
    image = Image.open(io.BytesIO(data)).convert("RGB")
    sizes = [(round(image.width * s), round(image.height * s)) for s in SCALES]
    return [np.asarray(image if size == image.size else image.resize(size, Image.Resampling.BICUBIC)) for size in sizes]


def read_photographs(archives: list, workers: int) -> list:  # of lists of uint8 (H,W,3)
    data = []
    for archive in archives:
        with zipfile.ZipFile(archive) as z: data += [(name, z.read(name)) for name in z.namelist()]
    data = [d for _, d in sorted(data)]
    with ProcessPoolExecutor(workers) as pool: return list(pool.map(resized, data, chunksize=4))


class Photographs:
    "All pixels in one uint8 tensor on the device; crops are gathered from it."
    def __init__(self, photographs: list, crop: int, device: str):
        images = [im for sizes in photographs for im in sizes if min(im.shape[:2]) >= crop]
        self.crop, self.device = crop, device
        self.heights, self.widths = (np.array([im.shape[i] for im in images]) for i in (0, 1))
        areas = self.heights * self.widths
        # a photograph is drawn by its area at full size, then a size of it: weight of an image = area / scale^2
        weight = np.concatenate([[sizes[SCALES.index(1.0)].size / 3] * sum(min(im.shape[:2]) >= crop for im in sizes) for sizes in photographs])
        self.probability = weight / weight.sum()
        self.offsets = np.concatenate([[0], np.cumsum(areas)[:-1]])
        self.pixels = torch.empty(int(areas.sum()), 3, dtype=torch.uint8, device=device)
        for offset, im in zip(self.offsets, images): self.pixels[offset:offset + im.shape[0] * im.shape[1]] = torch.from_numpy(im.reshape(-1, 3).copy()).to(device)
        self.rows = torch.arange(crop, device=device)

    def draw(self, rng: np.random.Generator, n: int) -> Tensor:  # (n,3): first pixel, width, flipped or not
        i = rng.choice(len(self.offsets), n, p=self.probability)
        top = rng.integers(0, self.heights[i] - self.crop + 1)
        left = rng.integers(0, self.widths[i] - self.crop + 1)
        first = self.offsets[i] + top * self.widths[i] + left
        return torch.from_numpy(np.stack([first, self.widths[i], rng.integers(0, 2, n)], 1)).to(self.device)

    def crops(self, drawn: Tensor) -> Tensor:  # (B,3) -> (B,3,crop,crop) in [0,1], channels_last
        first, width, flip = drawn[:, :, None, None].unbind(1)
        columns = torch.where(flip == 1, self.crop - 1 - self.rows, self.rows)
        x = self.pixels[first + self.rows[None, :, None] * width + columns]
        return x.permute(0, 3, 1, 2).float().div(255)


# ---- SOAP whose step has fixed shapes and no synchronization

class Soap:
    "Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al. 2024); 5x5 taps are one dimension."
    def __init__(self, parameters: list, learning_rates: list, betas: tuple = (0.95, 0.95), eps: float = 1e-8):
        self.parameters, self.learning_rates, self.betas, self.eps = parameters, learning_rates, betas, eps
        self.shapes = [self._shape(p) for p in parameters]
        self.mean = [torch.zeros(s, device=p.device) for s, p in zip(self.shapes, parameters)]
        self.square = [torch.zeros_like(m) for m in self.mean]
        self.covariances = [[torch.zeros(n, n, device=p.device) for n in s] if len(s) > 1 else [] for s, p in zip(self.shapes, parameters)]
        self.bases = [[torch.eye(n, device=c.device) for n, c in zip(s, cs)] for s, cs in zip(self.shapes, self.covariances)]
        self.t = torch.zeros((), device=parameters[0].device)
        self.pool = ThreadPoolExecutor(8)

    @staticmethod
    def _shape(p: Tensor) -> tuple:  # of dimensions that have a basis each
        if p.dim() == 4: return (p.shape[0], p.shape[1], p.shape[2] * p.shape[3])
        return tuple(n for n in p.shape if n > 1) if p.dim() == 2 else (p.numel(),)

    def _rotate(self, g: Tensor, bases: list, back: bool = False) -> Tensor:
        for q in bases: g = torch.tensordot(g, q.T if back else q, ([0], [0]))  # the first dimension becomes the last
        return g

    @torch.no_grad()
    def step(self, grads: list, learning_rate: Tensor):
        "One step, with each parameter's learning rate in units of `learning_rate`."
        b1, b2 = self.betas
        grads = [g.reshape(s) for g, s in zip(grads, self.shapes)]
        self.t += 1
        torch._foreach_lerp_(self.mean, grads, 1 - b1)
        rotated = [self._rotate(g, q) for g, q in zip(grads, self.bases)]
        means = [self._rotate(m, q) for m, q in zip(self.mean, self.bases)]
        torch._foreach_mul_(self.square, b2)
        torch._foreach_addcmul_(self.square, rotated, rotated, 1 - b2)
        size = learning_rate * (1 - (math.log(b2) * self.t).exp()).sqrt() / (1 - (math.log(b1) * self.t).exp())
        for p, m, v, q, s, lr in zip(self.parameters, means, self.square, self.bases, self.shapes, self.learning_rates):
            p.sub_(self._rotate(m / (v.sqrt() + self.eps), q, back=True).reshape(p.shape) * (size * lr))
        for g, covariances in zip(grads, self.covariances):
            for d, c in enumerate(covariances):
                unfolded = g.movedim(d, 0).reshape(len(c), -1)
                c.lerp_(unfolded @ unfolded.T, 1 - b2)

    def _refreshed(self, job: tuple) -> tuple:
        c, q, exact = job
        if exact: return q, torch.linalg.eigh(c).eigenvectors.flip(1), None
        order = ((c @ q) * q).sum(0).argsort(descending=True)
        return q, torch.linalg.qr(c @ q[:, order]).Q, order

    @torch.no_grad()
    def refresh(self, exact: bool = False):
        "New bases: the eigenvectors (`exact`, and the moments start again), or one step of power iteration and QR. On the CPU, where small QRs are fast."
        covariances = [c.double().cpu() for cs in self.covariances for c in cs]
        bases = [q.double().cpu() for qs in self.bases for q in qs]
        done = iter(list(self.pool.map(self._refreshed, [(c, q, exact) for c, q in zip(covariances, bases)])))
        for i, qs in enumerate(self.bases):
            for d, q in enumerate(qs):
                _, new, order = next(done)
                q.copy_(new)
                if order is not None: self.square[i].copy_(self.square[i].index_select(d, order.to(q.device)))
        if exact: torch._foreach_zero_(self.square); torch._foreach_zero_(self.mean); self.t.zero_()


# ---- one job

def factorized(self, z: Tensor, training: bool) -> tuple:  # (B,N,h,w): z with noise or rounded, likelihoods
    "CompressAI's EntropyBottleneck.forward, which reads an order of dimensions from the device at each call; the same numbers."
    values = z.transpose(0, 1).reshape(z.shape[1], 1, -1)
    outputs = self.quantize(values, "noise" if training else "dequantize", self._get_medians())
    likelihood = self.likelihood_lower_bound(self._likelihood(outputs)[0])
    shape = (z.shape[1], z.shape[0], *z.shape[2:])
    return tuple(t.reshape(shape).transpose(0, 1).contiguous() for t in (outputs, likelihood))


class Trainer:
    "A model, its optimizer and its step; jobs follow each other in the same tensors, so that the step is compiled and captured once."
    average_weight = 1e-3  # of the newest weights in the moving average

    def __init__(self, size: str, photographs: Photographs, batch_size: int, compile: str):
        self.photographs, self.batch_size, device = photographs, batch_size, photographs.device
        self.model = Hyperprior(**SIZES[size]).to(device, memory_format=torch.channels_last).train()
        self.average = deepcopy(self.model).eval().requires_grad_(False)
        self.model.entropy_bottleneck.forward = MethodType(factorized, self.model.entropy_bottleneck)
        self.model.g_a.before, self.model.g_s.after, self.beta = (torch.ones((), device=device) for _ in range(3))
        named = [(n, p) for n, p in self.model.named_parameters() if not n.endswith("quantiles")]
        self.parameters = [p for _, p in named]
        self.optimizer = Soap(self.parameters, [LEARNING_RATES[n[0]] for n, _ in named])
        self.medians = self.model.entropy_bottleneck.quantiles
        self.medians_moments = [torch.zeros_like(self.medians) for _ in range(2)]
        self.drawn = torch.zeros(CHUNK, batch_size, 3, dtype=torch.int64, device=device)
        self.learning_rates = torch.zeros(CHUNK, device=device)
        self.i = torch.zeros(1, dtype=torch.int64, device=device)
        self.losses = torch.zeros(CHUNK, 5, device=device)
        self.forward, self.graph = self._rates, None
        if compile:
            self.forward = torch.compile(self._rates, backend=compile, dynamic=False)
            for m in self.model.modules():  # CompressAI's GDN, which the compiler fuses
                if isinstance(m, GDN): m.forward = MethodType(PlainGDN.forward, m)

    @torch.no_grad()
    def begin(self, model: Hyperprior, job: dict):
        "Take over a model's weights, and measure the preconditioner on eight steps that change nothing."
        self.job, self.step_number = job, 0
        for target in (self.model, self.average):
            for p, q in zip(target.parameters(), model.parameters()): p.copy_(q)
        self.average.beta = model.beta
        self.average.gain = model.gain
        self.model.g_a.before.fill_(model.gain); self.model.g_s.after.fill_(1 / model.gain); self.beta.fill_(job["beta"])
        self.drawn.copy_(self.photographs.draw(np.random.default_rng(1), CHUNK * self.batch_size).view(CHUNK, -1, 3))
        self.learning_rates.zero_(); self.i.zero_()
        for c in sum(self.optimizer.covariances, []): c.zero_()
        with torch.enable_grad():
            if self.photographs.device == "cuda" and self.graph is None: self._capture()
            for _ in range(8): self._advance()
        self.optimizer.refresh(exact=True)
        for t in self.medians_moments: t.zero_()
        self.medians.copy_(model.entropy_bottleneck.quantiles)

    def _capture(self):
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(4): self._step()
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph): self._step()

    def _advance(self): self.graph.replay() if self.graph else self._step()

    def _rates(self, x: Tensor) -> Tensor:  # (3,): mse, bpp_y, bpp_z
        return torch.stack(list(rate_distortion(self.model(x, rounding="mixed"), x).values()))

    def _step(self):
        drawn, learning_rate = self.drawn.index_select(0, self.i)[0], self.learning_rates.index_select(0, self.i)[0]
        rd = self.forward(self.photographs.crops(drawn))
        loss = rd[0] / self.beta + rd[1] + rd[2]
        grads = list(torch.autograd.grad(loss, self.parameters))
        norm = torch.stack(torch._foreach_norm(grads)).norm()
        clip = torch.nan_to_num(1.0 / (norm + 1e-6), 0.0, 0.0, 0.0).clamp(max=1)
        self.optimizer.step([torch.nan_to_num(g, 0.0, 0.0, 0.0) * clip for g in grads], learning_rate)
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), self.average_weight)
            self.losses.index_copy_(0, self.i, torch.cat([rd.detach(), loss.detach()[None], norm[None]])[None])
        grad, = torch.autograd.grad(self.model.entropy_bottleneck.loss(), self.medians)
        with torch.no_grad():  # Adam at 1e-3
            m, v = self.medians_moments
            m.lerp_(grad, 0.1); v.lerp_(grad * grad, 0.001)
            self.medians.sub_(1e-3 * m / (v.sqrt() + 1e-8))
            self.i += 1

    def run(self, steps: int, learning_rate) -> np.ndarray:  # losses (steps,5)
        "At most CHUNK steps, with the rates of `learning_rate`(step)."
        rng = np.random.default_rng((self.job.get("seed", 0), self.step_number))
        self.drawn[:steps] = self.photographs.draw(rng, steps * self.batch_size).view(steps, -1, 3)
        self.learning_rates[:steps] = torch.tensor([learning_rate(self.step_number + i) for i in range(steps)])
        self.i.zero_()
        for _ in range(steps):
            self._advance()
            self.step_number += 1
            if self.step_number % (25 if self.step_number < 250 else 50) == 0: self.optimizer.refresh()
        return self.losses[:steps].cpu().numpy().copy()


def start(job: dict, finished: dict, photographs: Photographs) -> Hyperprior:
    torch.manual_seed(job.get("seed", 0))
    if job["init"] is None:
        model = Hyperprior(**SIZES[job["size"]], beta=job["beta"], gain=quantizer_gain(job["beta"]))
        return init_transform(model, sample(photographs))
    return branch(deepcopy(finished[job["init"]]) if job["init"] in finished else load_model(Path(job["init"])), job["beta"])


def sample(photographs: Photographs) -> Tensor:  # (16,3,crop,crop)
    return photographs.crops(photographs.draw(np.random.default_rng(2**31 - 1), 16)).cpu().contiguous(memory_format=torch.channels_last)


def train(trainer: Trainer, job: dict, finished: dict, held_back: list, out: Path, rates: dict) -> Hyperprior:
    begin, warmup = time.perf_counter(), 100
    trainer.begin(start(job, finished, trainer.photographs), job)
    shape = (job["size"], job["batch_size"], job["crop"])
    if "steps" not in job:
        if shape not in rates:  # measured on steps that are part of the warm-up
            t = time.perf_counter()
            trainer.run(warmup, lambda step: job["lr"] * (step + 1) / warmup)
            rates[shape] = warmup / (time.perf_counter() - t)
        job["steps"] = max(1, int(rates[shape] * (job["seconds"] - (time.perf_counter() - begin))) // CHUNK) * CHUNK
    def learning_rate(step): return job["lr"] * min(1.0, (step + 1) / warmup, max(0.0, (job["steps"] - step) / max(1, job["decay"] * job["steps"])))
    rows, first, t = [], trainer.step_number, time.perf_counter()
    while trainer.step_number < job["steps"]:
        losses = trainer.run(min(CHUNK - trainer.step_number % CHUNK, job["steps"] - trainer.step_number), learning_rate)
        row = {"step": trainer.step_number, "seconds": round(time.perf_counter() - begin, 2)}
        row |= dict(zip(("mse", "bpp_y", "bpp_z", "loss", "norm"), losses.mean(0).tolist()))
        row["psnr"] = psnr_of(row["mse"])
        rows.append(row)
        if trainer.step_number % 1000 == 0 or trainer.step_number >= job["steps"]:
            row |= validate(trainer.average, held_back, job["beta"])
            print(job["name"], {k: round(v, 4) for k, v in row.items()}, flush=True)
        if not math.isfinite(row["loss"]): print(job["name"], "diverged"); break
    rates[shape] = (trainer.step_number - first) / (time.perf_counter() - t)
    average = deepcopy(trainer.average).cpu()
    calibrate_scales(average, sample(trainer.photographs))
    save_model(out / f"{job['name']}.safetensors", average, {"config": job})
    fields = list({k: 0 for row in rows for k in row})
    with open(out / f"{job['name']}.csv", "w", newline="") as f:
        writer = csv.DictWriter(f, fields); writer.writeheader(); writer.writerows(rows)
    return average


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", type=Path)
    parser.add_argument("--photographs", nargs="+", required=True, type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--compile", metavar="BACKEND", help="Compile forward and backward, e.g. with inductor.")
    parser.add_argument("--seconds", type=float, default=math.inf, help="Start no job after this many seconds.")
    parser.add_argument("--every", type=int, default=1, help="Take one photograph in so many.")
    args = parser.parse_args()
    begin = time.perf_counter()
    torch.backends.cudnn.benchmark = torch.backends.cudnn.allow_tf32 = True
    jobs = json.loads(args.jobs.read_text())
    read = read_photographs([p for p in args.photographs if p.is_file()], args.workers)[::args.every]
    held_back = [sizes[SCALES.index(1.0)] for sizes in read[::40]]
    on_device = {}
    print(f"{len(read)} photographs read after {time.perf_counter() - begin:.1f} s", flush=True)
    args.out.mkdir(parents=True, exist_ok=True)
    finished, rates, trainers = {}, {}, {}
    kept = [sizes for i, sizes in enumerate(read) if i % 40]
    for job in jobs:
        if time.perf_counter() - begin > args.seconds: break
        crop, batch_size, compile = job["crop"], job["batch_size"], job.get("compile", args.compile)
        if crop not in on_device: on_device = {crop: Photographs(kept, crop, args.device)}
        kind = (job["size"], crop, batch_size, compile)
        if kind not in trainers: trainers = {kind: Trainer(job["size"], on_device[crop], batch_size, compile)}
        t = time.perf_counter()
        finished[job["name"]] = train(trainers[kind], job, finished, held_back, args.out, rates)
        shape = (job["size"], batch_size, crop)
        print(f"{job['name']}: {job['steps']} steps, {time.perf_counter() - t:.1f} s, {rates[shape]:.1f} steps/s, at {time.perf_counter() - begin:.1f} s", flush=True)


if __name__ == "__main__": main()
