"""Measure x265 (all-intra, 4:4:4) and AVIF (Pillow, each frame an image) on the frames of the main study -> results/references.csv.

python studies/references.py [CLIP ...]

Without arguments the script takes the clips of Open-5N. It skips rows that the table has. Both codecs are tuned for PSNR, the
measure that judges them.
"""
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import __version__, features
from tqdm import tqdm

from instance_compression.common import append_row, has_row, provenance
from instance_compression.data import OPEN_5N
from instance_compression.colour import LUMA_WEIGHTS, ycbcr_to_rgb
from instance_compression.video import load_clip
from instance_compression.rate_distortion import mse_of, pillow_codec, psnr_of

SETTINGS = [("x265 all-intra", crf) for crf in range(12, 43, 5)] + [("AVIF", quality) for quality in (30, 45, 60, 70, 80, 90)]


def to_planes(rgb):
    "RGB uint8 (H,W,3) to Y, Cb, Cr uint8 (3,H,W), BT.709, full range, rounded once. FFmpeg's own conversion would cost x265 up to 2 dB."
    r, g, b = np.moveaxis(rgb / 255, -1, 0)
    k_r, k_b = LUMA_WEIGHTS["bt709"]
    y = k_r * r + (1 - k_r - k_b) * g + k_b * b
    planes = np.stack([y, (b - y) / (2 * (1 - k_b)) + 128 / 255, (r - y) / (2 * (1 - k_r)) + 128 / 255])
    return np.clip(np.round(255 * planes), 0, 255).astype(np.uint8)


def x265_intra(frames, crf):
    "Code each frame as an IDR: 8-bit 4:4:4, BT.709, full range, preset slow, tuned for PSNR. Return (bytes of the stream, RGB pictures)."
    encoder = av.CodecContext.create("libx265", "w")
    encoder.height, encoder.width, encoder.pix_fmt, encoder.time_base = *frames.shape[1:3], "yuv444p", Fraction(1, 2)
    encoder.options = {"preset": "slow", "tune": "psnr", "crf": str(crf), "x265-params": "keyint=1:log-level=none:range=full:colormatrix=bt709"}
    packets = [p for f in frames for p in encoder.encode(av.VideoFrame.from_ndarray(to_planes(f), format="yuv444p"))] + encoder.encode()
    decoder = av.CodecContext.create("hevc", "r")
    pictures = [p for packet in [*packets, None] for p in decoder.decode(packet)]
    rgb = [ycbcr_to_rgb(np.moveaxis(p.to_ndarray(channel_last=False), 0, -1), "bt709", full=True) for p in pictures]
    return sum(p.size for p in packets), np.stack(rgb)


def psnr_between(pictures, frames):
    "PSNR of the mean MSE of uint8 pictures (T,H,W,3). Frame by frame, which takes less memory."
    return psnr_of(np.mean([mse_of(a, b) for a, b in zip(pictures, frames, strict=True)]))


def row(clip, codec, setting):
    "One row of the table."
    if codec == "AVIF":
        coded = [pillow_codec(frame, codec, setting) for frame in clip.frames]
        size, pictures, library = sum(size for size, _ in coded), np.stack([picture for _, picture in coded]), f"Pillow {__version__}, {features.version('avif')}"
    else: (size, pictures), library = x265_intra(clip.frames, setting), f"PyAV {av.__version__}"
    return {"clip": clip.name, "codec": codec, "setting": setting, "n_frames": clip.n_frames, "coded_bpp": 8 * size / clip.frames[..., 0].size, "psnr": psnr_between(pictures, clip.frames), "library": library} | provenance()


if __name__ == "__main__":
    table = Path(__file__).parent.parent / "results/references.csv"
    wanted = [(clip, codec, setting) for clip in sys.argv[1:] or OPEN_5N for codec, setting in SETTINGS if not has_row(table, clip=clip, codec=codec, setting=setting)]
    for clip, codec, setting in tqdm(wanted, desc="references"): append_row(table, row(load_clip(clip), codec, setting) | {"clip": clip})
