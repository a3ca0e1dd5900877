"""Time ours and the plain way in one run on one machine -> results/speed.csv, results/decode_stages.csv and results/roofline.csv.

python benchmarks/speed.py [--repeats 7] [--table results/speed.csv] [--only WORD]

The plain way has the same weights in CompressAI's own model class and memory layout: its GDN, its compress() and decompress(). Its
update is a dictionary of tensors, priced by torch.distributions, trained by Adam, and coded by the 16-bit coder tensor by tensor.
The two ways take turns, so a busy machine is busy for both. Each turn gives one ratio."""
import argparse
import math
import tempfile
import time
import warnings
from copy import deepcopy
from pathlib import Path

warnings.filterwarnings("ignore")

import numpy as np
import torch
from compressai.ans import BufferedRansEncoder, RansDecoder
from compressai.layers import GDN as PlainGDN
from compressai.models import MeanScaleHyperprior
from compressai.models.google import get_scale_table
from compressai._CXX import pmf_to_quantized_cdf
from torch import nn
from torch.distributions import Normal
from torch.func import functional_call
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from instance_compression.adapt_config import AdaptConfig
from instance_compression.adaptation import NetworkTraining, adapt
from instance_compression.bitstream import Decoder, encode_clip
from instance_compression.cli import console, plain_table
from instance_compression.codec import _CHECKSUMS, analysis, codec_of, pad, synthesis
from instance_compression.common import append_row, keep_freed_memory, provenance, stopwatch
from instance_compression.data import data_dir
from instance_compression.clip import Clip, sample_clip, to_tensor, to_uint8
from instance_compression.video import load_clip
from instance_compression.entropy_coding import (_index_table, checksum, decode_update, encode_update, factorized_tables,
                                                 gaussian_tables, pop_y, pop_z, read_checksums)
from instance_compression.hyperprior import (SIZES, Hyperprior, init_transform, load_global, quantizer_gain,
                                             receiver_parameters, sender_parameters)
from instance_compression.layers import GDN, SubpixelDeconv
from instance_compression.update_prior import SpikeAndSlab, bin_masses


PLAIN = {GDN: PlainGDN, SubpixelDeconv: nn.ConvTranspose2d} # ours -> the layers that they override


def plain_model(model:Hyperprior) -> MeanScaleHyperprior:
    "The same weights in CompressAI's classes and memory layout."
    plain = deepcopy(model).to(memory_format=torch.contiguous_format)
    for module in plain.modules(): module.__class__ = (PLAIN | {Hyperprior: MeanScaleHyperprior}).get(type(module), type(module))
    plain.update(get_scale_table(), force=True)
    return plain


def plain_bits(deltas, prior:SpikeAndSlab) -> torch.Tensor:
    "The price of the update without the constant of t, tensor by tensor."
    components = (torch.stack([Normal(0.0, prior.sigma).log_prob(d), Normal(0.0, prior.s).log_prob(d) + math.log(prior.alpha)]) for d in deltas)
    return -sum((torch.logsumexp(c, 0) - math.log(1 + prior.alpha)).sum() for c in components) / math.log(2)


def plain_step(model:Hyperprior, frames:np.ndarray, cfg:AdaptConfig):
    "A function that takes one step of L_RDM, written in the plain way."
    plain = plain_model(model).requires_grad_(False).train()  # CompressAI's noise in place of rounding, or the sender would have no gradient
    theta = receiver_parameters(plain)
    delta = {k: torch.zeros_like(p).requires_grad_() for k, p in theta.items()}
    phi = [p.requires_grad_() for p in sender_parameters(plain).values()]
    optimizer = torch.optim.Adam([{"params": phi, "lr": cfg.lr_sender}, {"params": list(delta.values()), "lr": cfg.lr_delta}])
    prior, n_pixels = cfg.prior, math.prod(frames.shape[:3])
    def step(i:int):
        top, left = 64 * (i % 2), 64 * (i % 3)
        x = torch.from_numpy(frames[i % len(frames), top:top + 256, left:left + 256]).permute(2, 0, 1)[None].float() / 255
        theta_bar = {k: theta[k] + d + (torch.round(d / prior.bin_width).clamp(-prior.max_level, prior.max_level) * prior.bin_width - d).detach() for k, d in delta.items()}
        out = functional_call(plain, theta_bar, (x,))
        loss = ((out["x_hat"] - x)**2).mean() / cfg.beta + sum(-torch.log2(p).sum() for p in out["likelihoods"].values()) / (256 * 256)
        loss = loss + plain_bits(delta.values(), prior) / n_pixels
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        assert i or all(p.grad.any() for p in phi)
    return step


def our_step(model:Hyperprior, frames:np.ndarray, cfg:AdaptConfig):
    "A function that takes one step of L_RDM by this package."
    networks = NetworkTraining(model, frames, cfg, "cpu")
    return lambda i: networks.advance()


def plain_update_coder(levels:np.ndarray, tensors:list, prior:SpikeAndSlab):
    "Functions that encode and decode an update by CompressAI's coder, one string for each tensor."
    cdf = pmf_to_quantized_cdf([*bin_masses(prior), 0.0], 16)
    chunks = np.split(levels, np.cumsum(tensors)[:-1])
    def encode():
        strings = []
        for chunk in chunks:
            coder = BufferedRansEncoder()
            coder.encode_with_indexes((chunk + prior.max_level).tolist(), [0] * len(chunk), [cdf], [len(cdf)], [0])
            strings.append(coder.flush())
        return strings
    strings = encode()
    def decode():
        out = [np.array(RansDecoder().decode_with_indexes(s, [0] * len(chunk), [cdf], [len(cdf)], [0])) for s, chunk in zip(strings, chunks)]
        return np.concatenate(out) - prior.max_level
    assert np.array_equal(decode(), levels)
    return encode, decode


def compare(plain, ours, repeats:int) -> dict: # milliseconds
    "Time both in turns, after two turns of warm-up: medians, and the median and quartiles of the ratio."
    times = []
    for i in range(repeats + 2):
        row = []
        for f in (plain, ours):
            begin = time.perf_counter(); f(i); row.append(1e3 * (time.perf_counter() - begin))
        times.append(row)
    times = np.array(times[2:])
    low, middle, high = np.percentile(times[:, 0] / times[:, 1], (25, 50, 75))
    return {"plain_ms": np.median(times[:, 0]), "ours_ms": np.median(times[:, 1]), "ratio": middle, "ratio_low": low, "ratio_high": high}


def file_of(model:Hyperprior, clip:Clip, folder:Path) -> Path:
    "Code a clip by the global model. Return the path of the file."
    encode_clip(folder / "speed.iac", adapt(model, clip.frames, AdaptConfig(method="global", beta=model.beta), progress=False), model, clip, progress=False)
    return folder / "speed.iac"


def codec_rows(model:Hyperprior, frame:np.ndarray, folder:Path): # of ("what", plain, ours)
    "Entropy coding of the latents of one frame (with rounding, adding of means and checksums), and decoding of the frame."
    plain, x, codec = plain_model(model), pad(to_tensor(frame)), codec_of(model)
    with torch.no_grad():
        symbols, tables = analysis(model, to_tensor(frame)), factorized_tables(model)
        y, means, scales = (symbols["y_symbols"] + symbols["means_hat"]).float(), symbols["means_hat"].float(), symbols["scales_hat"].float()
        medians = model.medians
        z = symbols["z_symbols"].float() + medians
        shape = z.shape[-2:]
    gc, eb = plain.gaussian_conditional, plain.entropy_bottleneck
    write = lambda i: (gc.compress(y, gc.build_indexes(scales), means=means), eb.compress(z))
    with torch.no_grad(): strings, block = write(0), codec.encode(symbols, tables)
    read = lambda i: (gc.decompress(strings[0], gc.build_indexes(scales), means=means), eb.decompress(strings[1], shape))
    def ours_write(i):
        return codec.encode(symbols | {"y_symbols": (y - means).round_().int(), "z_symbols": (z - medians).round_().int()}, tables)
    def ours_read(i): # as `HyperpriorCodec.decode`, without h_s
        (crc_z, crc_y), coder = read_checksums(_CHECKSUMS, block)
        z_symbols, y_symbols = pop_z(coder, symbols["z_symbols"].shape, tables), pop_y(coder, symbols["scales_hat"], gaussian_tables())
        assert coder.is_empty() and (checksum(z_symbols), checksum(y_symbols)) == (crc_z, crc_y)
        return torch.from_numpy(y_symbols) + means, torch.from_numpy(z_symbols) + medians
    with torch.no_grad(): assert ours_write(0) == block and all(map(torch.equal, ours_read(0), read(0)))
    yield "encode latents", no_grad(write), no_grad(ours_write)
    yield "decode latents", no_grad(read), no_grad(ours_read)
    with torch.no_grad(): packed = plain.compress(x)
    decoder = Decoder(file_of(model, Clip(frame[None], 1.0), folder), model)
    yield "decode a frame", no_grad(lambda i: plain.decompress(packed["strings"], packed["shape"])), lambda i: decoder[0]


def no_grad(f): return torch.no_grad()(f)


def store(path:Path, row:dict):
    "Append a rounded row with its commit and machine."
    append_row(path, {k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()} | provenance())


def milliseconds(f, repeats:int) -> float: # median
    times = []
    for i in range(repeats + 1):
        begin = time.perf_counter(); f(i); times.append(1e3 * (time.perf_counter() - begin))
    return float(np.median(times[1:]))


KERNELS = ("aten::convolution", "aten::convolution_backward", "aten::addmm", "aten::addmm_", "aten::mm", "aten::_int_mm") # convolutions, and the matrix products inside GDN and of the convolution in digits


def kernel_seconds(f) -> float:
    "The seconds that a call spends in convolutions and matrix products."
    with profile(activities=[ProfilerActivity.CPU]) as profiled: f()
    def inside_another(e): # whether one of them lies around this one
        while e := e.cpu_parent:
            if e.name in KERNELS: return True
        return False
    return sum(e.cpu_time_total for e in profiled.events() if e.name in KERNELS and not inside_another(e)) / 1e6


def roofline_row(what:str, size:str, f, repeats:int) -> dict:
    "A row of results/roofline.csv: operations per second of a call, beside one large matrix product in the same run."
    with FlopCounterMode(display=False) as counter: f(0)
    a, copy = torch.rand(2048, 2048), torch.empty(2**26)
    matrix = 2 * 2048**3 / milliseconds(lambda i: a @ a, repeats) / 1e6
    bandwidth = 2 * copy.nbytes / milliseconds(lambda i: copy.add_(1), repeats) / 1e6
    ms, gflop = milliseconds(f, repeats), counter.get_total_flops() / 1e9
    kernels = np.median([1e3 * kernel_seconds(lambda: f(i)) for i in range(repeats)])
    return {"what": what, "size": size, "gflop": gflop, "ms": ms, "kernels_ms": float(kernels), "gflop_per_s": 1e3 * gflop / ms, "matrix_gflop_per_s": matrix, "share": 1e3 * gflop / ms / matrix, "memory_gb_per_s": bandwidth, "repeats": repeats, "threads": torch.get_num_threads()}


def clip_decode(model:Hyperprior, clip:Clip, folder:Path): # ("what", plain, ours)
    "Functions that decode all frames of a clip, plain and ours, from opening the file to the pictures."
    path, plain = file_of(model, clip, folder), plain_model(model)
    with torch.no_grad(): packed = [plain.compress(pad(to_tensor(f))) for f in clip.frames]
    def theirs(i):
        plain.update(get_scale_table(), force=True)  # both make their tables, as after loading a model
        return [to_uint8(plain.decompress(p["strings"], p["shape"])["x_hat"][..., :clip.height, :clip.width]) for p in packed]
    def ours(i):
        gaussian_tables.cache_clear(); _index_table.cache_clear()
        decoder = Decoder(path, model)
        return list(decoder.pictures())
    return no_grad(theirs), ours


def decode_stages(model:Hyperprior, clip:Clip, folder:Path): # of rows: what, seconds, share
    "Rows of results/decode_stages.csv: seconds in convolutions (with the products inside GDN) and by stage, on one thread."
    decoder, threads = Decoder(file_of(model, clip, folder), model), torch.get_num_threads()
    torch.set_num_threads(1)
    def all_frames():
        begin = time.perf_counter()
        for i in range(len(decoder)): decoder[i]
        return time.perf_counter() - begin
    all_frames(); stopwatch.seconds.clear()
    total, stages = all_frames(), dict(stopwatch.seconds)
    kernels = kernel_seconds(all_frames)
    torch.set_num_threads(threads)
    for what, seconds in {"convolutions": kernels, **stages, "all": total}.items(): yield {"what": what, "seconds": round(seconds, 3), "share": round(seconds / total, 3), "frames": len(decoder)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7, help="Turns of each measurement.")
    parser.add_argument("--table", type=Path, default=Path("results/speed.csv"), help="Table to write.")
    parser.add_argument("--only", default="", help="Run only the measurements whose name contains this word.")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder: run(args, Path(folder))


def run(args, folder:Path):
    keep_freed_memory()
    frames = sample_clip(4, 768, 1344).frames
    real = load_clip("tree1080", 2.0, 1).frames[0] if data_dir() else frames[0]
    table = plain_table("what", "size", "frame", "plain [ms]", "ours [ms]", "ratio", "middle half")
    def add(what, size, height, width, plain, ours, repeats=args.repeats):
        row = {"what": what, "size": size, "height": height, "width": width, "repeats": repeats, "threads": torch.get_num_threads()} | compare(plain, ours, repeats)
        table.add_row(what, size, f"{width}x{height}", f"{row['plain_ms']:.1f}", f"{row['ours_ms']:.1f}", f"{row['ratio']:.2f}", f"{row['ratio_low']:.2f} to {row['ratio_high']:.2f}")
        store(args.table, row)
    wanted = lambda what: args.only in what
    for size in ("small", "paper"):
        torch.manual_seed(0)
        model = load_global(1e-3) if size == "small" else init_transform(Hyperprior(**SIZES[size], beta=1e-3, gain=quantizer_gain(1e-3)), to_tensor(frames)[..., :768, :1344])
        model = model.to(memory_format=torch.channels_last).eval()
        if wanted("adaptation step"):
            cfg = AdaptConfig(steps=10_000, crop=256)
            add("adaptation step", size, 256, 256, plain_step(model, frames, cfg), our_step(model, frames, cfg))
        if wanted("roofline"):
            x = to_tensor(frames)[:1, :, :720, :1280].contiguous(memory_format=torch.channels_last)
            latents = analysis(model, x)
            for what, f in {"adaptation step, crop of 256 px": our_step(model, frames, AdaptConfig(steps=10_000, crop=256)),
                            "adaptation step, crop of 384 px": our_step(model, frames, AdaptConfig(steps=10_000)),
                            "g_s of a 720p frame": lambda i: synthesis(model, latents, 720, 1280)}.items():
                store(args.table.with_name("roofline.csv"), roofline_row(what, size, f, args.repeats))
        for height, width in ((720, 1280), (1080, 1920)):
            crop = real[:height, :width] if real.shape[0] >= height else frames[0][:height, :width]
            for what, plain, ours in codec_rows(model, crop, folder):
                if wanted(what): add(what, size, *crop.shape[:2], plain, ours)
    if wanted("update"):
        rng, prior = np.random.default_rng(0), SpikeAndSlab()
        tensors = [p.numel() for p in receiver_parameters(load_global(1e-3)).values()]
        P = 5_000_000
        tensors = [n * P // sum(tensors) for n in tensors]; tensors[-1] += P - sum(tensors)
        levels = np.where(rng.random(P) < 0.01, rng.choice([-2, -1, 1, 2], P), 0).astype(np.int32)
        encode, decode = plain_update_coder(levels, tensors, prior)
        data = encode_update(levels, prior)
        add("encode 5 million levels", "-", 0, 0, lambda i: encode(), lambda i: encode_update(levels, prior))
        add("decode 5 million levels", "-", 0, 0, lambda i: decode(), lambda i: decode_update(data, P, prior))
    if wanted("clip") and data_dir():
        clip = load_clip("dashcam", 2.0)
        plain, ours = clip_decode(load_global(1e-3), clip, folder)
        add("decode the clip dashcam", "small", clip.height, clip.width, plain, ours, max(5, args.repeats // 2))
        for row in decode_stages(load_global(1e-3), clip, folder): store(args.table.with_name("decode_stages.csv"), row)
    console.print(table)


if __name__ == "__main__": main()
