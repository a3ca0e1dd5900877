"""Encode 300 frames of 1920x1080, without an update and with one, and measure the peak memory -> results/long_video.csv.

python studies/long_video.py

The video is the clip tree1080, forward and backward until 150 s are over. Two frames a second are coded. Each encode is a process of
its own on one thread. The update gets 20 steps. The last encode also takes one step on the latents of each frame: more steps take
more time, and the same memory.
"""
import tempfile
from pathlib import Path

from scenes import BETA, child, write_video

from instance_compression.common import append_row, has_row, provenance, run_command

TABLE = Path(__file__).parents[1] / "results/long_video.csv"
SECONDS, N_FRAMES, PIXELS = 150, 300, 300 * 1920 * 1080
FULL = {"method": "full", "steps": 20, "evaluations": 1}
ENCODES = [{"method": "global"}, FULL | {"latent_steps": 0}, FULL | {"latent_steps": 1}]


def main():
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "long.mkv"
        write_video(video, ("tree1080",), SECONDS)
        for settings in ENCODES:
            job = {"method": settings["method"], "beta": BETA, "steps": settings.get("steps", 0), "latent_steps": settings.get("latent_steps", 0)}
            if has_row(TABLE, **job): continue
            file, options = str(Path(folder) / "long.iac"), {"beta": BETA} | settings
            found = child(do="encode", video=str(video), file=file, segments=False, options=options, pixels=PIXELS)
            append_row(TABLE, job | {
                "n_frames": N_FRAMES, "file_bytes": found["size"], "coded_bpp": 8 * found["size"] / PIXELS,
                "seconds": round(found["seconds"], 1), "peak_gb": round(found["peak_gb"], 2)} | provenance())


if __name__ == "__main__": run_command(main)
