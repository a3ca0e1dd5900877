"""Encode a video of three scenes with one update, with an update for each scene, and without an update -> results/scenes.csv.

python studies/scenes.py [--steps 900]

The video has 60 s of 1920x1080: 20 s each of dashcam and dog, scaled up, and of tree1080. Each clip plays forward and backward until
its 20 s are over. Two frames a second are coded. One update gets all the steps, and three updates get a third of the steps each. The
work of each row is done in a process of its own. `seconds_frame` is the time to decode frame 100 alone, process start included.
"""
import argparse
import json
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from instance_compression.common import append_row, provenance, run_command
from instance_compression.rate_distortion import psnr_of
from instance_compression.video import load_clip

TABLE = Path(__file__).parents[1] / "results/scenes.csv"
SCENES, SECONDS, FPS = ("dashcam", "dog", "tree1080"), 20, 10
BETA = 1e-3

CHILD = """
import json, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from instance_compression import decode_video
from instance_compression.encode import encode_segments, encode_video
task = json.loads(sys.argv[1])
if task["do"] == "decode":
    decode_video(task["file"], task["out"], frames="100")
    found = {}
elif task["segments"]:
    result = encode_segments(task["video"], task["file"], "scenes", **task["options"])
    found = {"rows": result.rows, "size": result.size}
else:
    encoded = encode_video(task["video"], task["file"], **task["options"]).encoded
    row = {"n_frames": 1, "bytes_update": encoded.coded_bpp_model * task["pixels"] / 8, "mse": encoded.mse}
    found = {"rows": [row], "size": encoded.size}
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(json.dumps(found | {"peak_gb": int(peak.split()[1]) * 1024 / 1e9}))
"""


def child(**task) -> dict:
    "The result of a task in a process of its own, and its seconds, process start included."
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", CHILD, json.dumps(task)], capture_output=True, text=True)
    if done.returncode: raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1]) | {"seconds": time.perf_counter() - begin}


def write_video(path: Path, scenes=SCENES, seconds=SECONDS):
    "A video in which each clip plays for some seconds, forward and backward, nearly lossless H.264."
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        stream.options, stream.codec_context.time_base = {"crf": "8", "preset": "veryfast"}, Fraction(1, FPS)
        for name in scenes:
            frames = load_clip(name, FPS).frames
            there_and_back = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
            for k in range(seconds * FPS):
                picture = np.ascontiguousarray(frames[there_and_back[k % len(there_and_back)]])
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                container.mux(stream.encode(frame.reformat(1920, 1080, "yuv420p", interpolation="BICUBIC")))
        container.mux(stream.encode())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=900, help="Steps on the networks, over all scenes.")
    steps = parser.parse_args().steps
    pixels = 2 * SECONDS * len(SCENES) * 1920 * 1080
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "scenes.mkv"
        write_video(video)
        for what, segments, method in (("no update", False, "global"), ("an update a scene", True, "full"), ("one update", False, "full")):
            options = {"beta": BETA, "method": method, "evaluations": 1, "latent_steps": 0}
            if method != "global": options["steps"] = steps // len(SCENES) if segments else steps
            file = str(Path(folder) / f"{what}.iac")
            found = child(do="encode", video=str(video), file=file, segments=segments, options=options, pixels=pixels)
            frame = child(do="decode", file=file, out=f"{file}-frame")
            mse = np.average([row["mse"] for row in found["rows"]], weights=[row["n_frames"] for row in found["rows"]])
            append_row(TABLE, {
                "what": what, "method": method, "beta": BETA, "steps": 0 if method == "global" else steps, "n_frames": pixels // (1920 * 1080),
                "file_bytes": found["size"], "update_bytes": round(sum(row["bytes_update"] for row in found["rows"])),
                "coded_bpp": 8 * found["size"] / pixels, "mse": mse, "psnr": psnr_of(mse), "seconds": round(found["seconds"], 1),
                "peak_gb": round(found["peak_gb"], 2), "seconds_frame": round(frame["seconds"], 1),
                "peak_gb_frame": round(frame["peak_gb"], 2)} | provenance())


if __name__ == "__main__": run_command(main)
