"""Measure the price of exact arithmetic on Kodak: bits, PSNR and seconds of h_s in float32 and of exact h_s -> results/exactness.csv.

python studies/exactness.py [--images 24]
"""
import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from instance_compression.codec import codec_of, pad, synthesis
from instance_compression.common import provenance
from instance_compression.data import fetch_kodak, read_image
from instance_compression.clip import to_tensor
from instance_compression.exact import exact_hyper_synthesis
from instance_compression.experiments import FOUR_BETAS
from instance_compression.hyperprior import load_global, model_identity
from instance_compression.rate_distortion import factorized_bits, gaussian_bits, psnr_of


def timed(f, repeats=3): # (result, least seconds)
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter(); result = f(); seconds.append(time.perf_counter() - begin)
    return result, min(seconds)

@torch.no_grad()
def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--images", type=int, default=24, help="Number of Kodak images."); a.add_argument("--table", type=Path, default=Path("results/exactness.csv"), help="Table to write.")
    a, rows = a.parse_args(), []
    for beta in FOUR_BETAS:
        model, columns = load_global(beta, model_set="first"), []
        codec = codec_of(model)
        tables, seconds_tables = timed(lambda: codec.tables(model))
        for path in fetch_kodak()[:a.images]:
            x = to_tensor(read_image(path))
            h, w = x.shape[2:]
            y, z = codec.latents(model, pad(x))
            symbols = codec.symbols(model, (y, z))
            (scales, means), seconds_float = timed(lambda: model.h_s(symbols["z_symbols"].float() + model.medians).chunk(2, 1))
            _, seconds_exact = timed(lambda: exact_hyper_synthesis(model, symbols["z_symbols"]))
            y_float = (y - means).round()
            bits_z = float(factorized_bits(model, symbols["z_symbols"]).sum())
            bits_float = bits_z + float(gaussian_bits(y_float.int(), scales.double()).sum())
            bits_exact = bits_z + float(gaussian_bits(symbols["y_symbols"], symbols["scales"]).sum())
            data, seconds_encode = timed(lambda: codec.encode(symbols, tables), 1)
            _, seconds_decode = timed(lambda: codec.decode(data, model, tables, h, w), 1)
            psnr = lambda s, m: psnr_of(float((to_tensor(synthesis(model, {"y_symbols": s, "means_hat": m}, h, w)) - x).square().mean()))
            _, seconds_g_s = timed(lambda: model.g_s((symbols["y_symbols"] + symbols["means_hat"]).float()))
            columns.append({"bpp_float": bits_float / (h * w), "bpp_exact": bits_exact / (h * w), "coded_bpp": 8 * len(data) / (h * w), "psnr_float": psnr(y_float, means.double()),
                            "psnr_exact": psnr(symbols["y_symbols"], symbols["means_hat"]), "seconds_h_s_float": seconds_float, "seconds_h_s_exact": seconds_exact, "seconds_g_s": seconds_g_s,
                            "seconds_encode_frame": seconds_encode, "seconds_decode_frame": seconds_decode})
        rows.append({"identity": model_identity(model), "beta": beta, "n_images": len(columns)} | {k: float(np.mean([c[k] for c in columns])) for k in columns[0]} | {"seconds_tables_z": seconds_tables} | provenance())
        print(rows[-1], flush=True)
    pd.DataFrame(rows).to_csv(a.table, index=False)


if __name__ == "__main__": main()
