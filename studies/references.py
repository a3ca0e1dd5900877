"""Measure other codecs on the frames of the main study -> results/references.csv.

python studies/references.py [CLIP ...]                # after pip install -e '.[dev]'

AVIF, JPEG XL and WebP are Pillow's, each frame an image. x265 codes each frame by itself (all-intra), and once more as a video (inter).
Without arguments the script takes the clips of Open-5N. It skips rows that the table has. AVIF and x265 are tuned for PSNR, the
measure that judges them. The encoders of JPEG XL and WebP have no such choice. `cpu_seconds_frame` is the time of all processors to
encode and decode a frame.
"""
import sys
import time
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path

import av
import numpy as np
from pillow_jxl import JpegXLImagePlugin # Pillow has JPEG XL from here on
from PIL import __version__, features
from tqdm import tqdm

from instance_compression.common import append_row, has_row, provenance
from instance_compression.data import OPEN_5N
from instance_compression.colour import LUMA_WEIGHTS, ycbcr_to_rgb
from instance_compression.video import load_clip
from instance_compression.rate_distortion import PILLOW_CODECS, mean_ms_ssim, mse_of, pillow_codec, psnr_of

CODECS = {"x265 all-intra": range(12, 43, 5), "x265 inter": range(12, 43, 5), "AVIF": (30, 45, 60, 70, 80, 90),
          "JPEG XL": (30, 45, 60, 75, 85, 92), "WebP": (5, 20, 40, 60, 80, 92)} # codec -> settings
SETTINGS = [(codec, setting) for codec, settings in CODECS.items() for setting in settings]
LIBRARIES = {"AVIF": f"Pillow {__version__}, {features.version('avif')}", "WebP": f"Pillow {__version__}, {features.version('webp')}",
             "JPEG XL": f"pillow-jxl-plugin {version('pillow-jxl-plugin')}"}
PILLOW_CODECS["JPEG XL"] = {"format": JpegXLImagePlugin.JXLImageFile.format, "effort": 7}


def to_planes(rgb):
    "RGB uint8 (H,W,3) to Y, Cb, Cr uint8 (3,H,W), BT.709, full range, rounded once. FFmpeg's own conversion would cost x265 up to 2 dB."
    r, g, b = np.moveaxis(rgb / 255, -1, 0)
    k_r, k_b = LUMA_WEIGHTS["bt709"]
    y = k_r * r + (1 - k_r - k_b) * g + k_b * b
    planes = np.stack([y, (b - y) / (2 * (1 - k_b)) + 128 / 255, (r - y) / (2 * (1 - k_r)) + 128 / 255])
    return np.clip(np.round(255 * planes), 0, 255).astype(np.uint8)


def x265(frames, crf, intra):
    """Code frames as 8-bit 4:4:4, BT.709, full range, preset slow, tuned for PSNR. Return (bytes of the stream, RGB pictures).

    intra: whether each frame is an IDR. Otherwise the first frame alone is one, and the others are predicted.
    """
    encoder = av.CodecContext.create("libx265", "w")
    encoder.height, encoder.width, encoder.pix_fmt, encoder.time_base = *frames.shape[1:3], "yuv444p", Fraction(1, 2)
    encoder.options = {"preset": "slow", "tune": "psnr", "crf": str(crf), "x265-params": f"keyint={1 if intra else -1}:log-level=none:range=full:colormatrix=bt709"}
    packets = []
    for number, rgb in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(to_planes(rgb), format="yuv444p")
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode()
    decoder = av.CodecContext.create("hevc", "r")
    pictures = [p for packet in [*packets, None] for p in decoder.decode(packet)]
    rgb = [ycbcr_to_rgb(np.moveaxis(p.to_ndarray(channel_last=False), 0, -1), "bt709", full=True) for p in pictures]
    return sum(p.size for p in packets), np.stack(rgb)


def psnr_between(pictures, frames):
    "PSNR of the mean MSE of uint8 pictures (T,H,W,3). Frame by frame, which takes less memory."
    return psnr_of(np.mean([mse_of(a, b) for a, b in zip(pictures, frames, strict=True)]))


def row(clip, codec, setting):
    "One row of the table."
    begin = time.process_time()
    if codec.startswith("x265"):
        size, pictures = x265(clip.frames, setting, intra=codec == "x265 all-intra")
        library = f"PyAV {av.__version__}"
    else:
        coded = [pillow_codec(frame, codec, setting) for frame in clip.frames]
        size, pictures = sum(size for size, _ in coded), np.stack([picture for _, picture in coded])
        library = LIBRARIES[codec]
    seconds = (time.process_time() - begin) / clip.n_frames
    return {"clip": clip.name, "codec": codec, "setting": setting, "n_frames": clip.n_frames, "coded_bpp": 8 * size / clip.frames[..., 0].size,
            "psnr": psnr_between(pictures, clip.frames), "ms_ssim": mean_ms_ssim(pictures, clip.frames),
            "cpu_seconds_frame": round(seconds, 3), "library": library} | provenance()


if __name__ == "__main__":
    table = Path(__file__).parent.parent / "results/references.csv"
    wanted = [(clip, codec, setting) for clip in sys.argv[1:] or OPEN_5N for codec, setting in SETTINGS
              if not has_row(table, clip=clip, codec=codec, setting=setting)]
    for clip, codec, setting in tqdm(wanted, desc="references"): append_row(table, row(load_clip(clip), codec, setting) | {"clip": clip})
