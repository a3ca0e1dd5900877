"""Encode clips to given rates, PSNRs and sizes -> results/targets.csv.

python studies/targets.py [CLIP ...]

Each clip is encoded by `encode_video` without a target, and then to three targets of each kind: the plain result times 0.6, 1 and
1.7 (rates and sizes), or plus -2, 0 and 2 dB. `error` is the relative error of a rate or size, or the difference of the PSNR.
A target that is refused has the message in `refused`. The script skips rows that the table has.
"""
import sys
import tempfile
import time
from pathlib import Path

from instance_compression.common import InputError, append_row, has_row, provenance
from instance_compression.encode import encode_video

ROOT, CLIPS = Path(__file__).parents[1], ("foreman", "carphone", "tree1080", "dashcam", "room")
TABLE = ROOT / "results/targets.csv"
SETTINGS = {"preset": "dual", "steps": 100, "latent_steps": 10, "evaluations": 1, "max_frames": 8}
FACTORS, OFFSETS = (0.6, 1.0, 1.7), (-2.0, 0.0, 2.0)


def encoded(clip, **target):
    "Encode to a target. Return (result or None, message of a refusal, seconds)."
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        try: return encode_video(clip, Path(folder) / "clip.iac", **target, **SETTINGS), "", time.perf_counter() - begin
        except InputError as e: return None, str(e), time.perf_counter() - begin


def row(clip, kind, wanted, reached, result, refused, seconds):
    "One row of the table."
    error = None if reached is None else reached - wanted if kind == "psnr" else reached / wanted - 1
    coded = result.encoded if result else None
    return {"clip": clip, "kind": kind, "wanted": wanted, "reached": reached, "error": error, "refused": refused,
            "beta_model": result and result.model_global.beta, "step_size": result and result.cfg.step_size,
            "coded_bpp": coded and coded.coded_bpp, "psnr": coded and coded.psnr, "seconds": round(seconds, 1),
            "steps": SETTINGS["steps"], "latent_steps": SETTINGS["latent_steps"]} | provenance()


def main(clips):
    for clip in clips:
        if has_row(TABLE, clip=clip, kind="psnr", steps=SETTINGS["steps"]): continue
        plain, _, seconds = encoded(clip, beta=1e-3)
        rows = [row(clip, "beta", 1e-3, 1e-3, plain, "", seconds)]
        bpp, size, psnr = plain.encoded.coded_bpp, plain.encoded.size, plain.encoded.psnr
        targets = [("bpp", round(bpp * f, 4)) for f in FACTORS] + [("size", round(size * f)) for f in FACTORS]
        for kind, wanted in targets + [("psnr", round(psnr + o, 2)) for o in OFFSETS]:
            result, refused, seconds = encoded(clip, **{kind: wanted})
            reached = result and {"bpp": result.encoded.coded_bpp, "size": result.encoded.size, "psnr": result.encoded.psnr}[kind]
            rows.append(row(clip, kind, wanted, reached, result, refused, seconds))
            print(clip, kind, wanted, reached, refused, f"{seconds:.0f} s", flush=True)
        for r in rows: append_row(TABLE, r)


if __name__ == "__main__": main(sys.argv[1:] or CLIPS)
