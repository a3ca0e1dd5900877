"""Measure the peak memory of commands, each in a process of its own -> results/memory.csv.

python benchmarks/memory.py

Frames of 1920x1080 are those of tree1080. Frames of 3840x2160 are four of these side by side. The model of the paper's size has the
weights of the start of training."""
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from instance_compression.clip import to_tensor
from instance_compression.video import load_clip
from instance_compression.common import provenance, write_atomically
from instance_compression.hyperprior import SIZES, Hyperprior, init_transform, quantizer_gain, save_model

CHILD = """
import sys
from pathlib import Path
from instance_compression.cli import main
try: main()
finally: print(*(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")), file=sys.stderr)
"""


def peak_gb(*command) -> float:
    "The peak resident memory of `instance-compression COMMAND` in GB, libraries included."
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", CHILD, *map(str, command)], capture_output=True, text=True)
    if done.returncode: raise SystemExit(done.stderr)
    return int(done.stderr.rsplit("VmHWM:", 1)[1].split()[0]) * 1024 / 1e9


def commands(size:str, videos:dict, model:Path, out:Path): # of (what, frame, command)
    "Encoding without adaptation, decoding, and two steps of each preset."
    given = () if size == "small" else ("--model", model)
    for frame, video in videos.items():
        file = out / f"{size}-{frame}.iac"
        yield "encode, global", frame, ("encode", video, "-o", file, "--method", "global", *given)
        yield "decode", frame, ("decode", file, "-o", out / f"{size}-{frame}", *given)
    video, few = videos["1920x1080"], ("--steps", 2, "--evaluations", 1)
    yield "adapt, crops of 384 px", "1920x1080", ("encode", video, "-o", out / f"{size}-crops.iac", "--latent-steps", 0, *few, *given)
    yield "adapt, crops of 384 px, then latents", "1920x1080", ("encode", video, "-o", out / f"{size}-latents.iac", "--latent-steps", 2, *few, *given)
    yield "adapt, whole frames", "1920x1080", ("encode", video, "-o", out / f"{size}-whole.iac", "--preset", "paper", *few, *given)


def main():
    frames, rows = load_clip("tree1080", 2.0, 4).frames, []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        videos = {"1920x1080": frames[:2], "3840x2160": np.concatenate([np.concatenate(frames[i:i + 2], 1) for i in (0, 2)])[None]}
        for frame, pictures in videos.items():
            (folder / frame).mkdir()
            for i, picture in enumerate(pictures): Image.fromarray(picture).save(folder / frame / f"{i}.png")
        model = Hyperprior(**SIZES["paper"], beta=1e-3, gain=quantizer_gain(1e-3))
        save_model(folder / "paper.safetensors", init_transform(model, to_tensor(frames[:1, :768, :1344])), {})
        for size in ("small", "paper"):
            for what, frame, command in commands(size, {frame: folder / frame for frame in videos}, folder / "paper.safetensors", folder):
                rows.append({"what": what, "size": size, "frame": frame, "frames": len(videos[frame]), "peak_gb": round(peak_gb(*command), 2)} | provenance())
                print(rows[-1], flush=True)
    with write_atomically(Path(__file__).parent.parent / "results/memory.csv") as tmp: pd.DataFrame(rows).to_csv(tmp, index=False)


if __name__ == "__main__": main()
