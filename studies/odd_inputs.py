"""Give the commands one input of every odd kind, and note the user's view -> results/odd_inputs.csv.

python studies/odd_inputs.py

All inputs are made from the synthetic sample clip. A row passes if the file decodes to pictures of the expected size. A row also
passes if there is one line of error, an exit code other than zero, and no output.
"""
import argparse
import dataclasses
import io
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import zlib
from contextlib import redirect_stderr, redirect_stdout
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pandas as pd
from PIL import Image

from instance_compression.bitstream import Decoder, pack_header, unpack_header
from instance_compression.cli import main as cli
from instance_compression.common import provenance
from instance_compression.clip import sample_clip
from instance_compression.hyperprior import load_global


def video(path, frames, codec="libx264", fmt="yuv420p", rate=2, stamps=None, audio=False, aspect=None, transfer=None, **options):
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], fmt
        if stamps: stream.codec_context.time_base = Fraction(1, 1000)
        if aspect: stream.codec_context.sample_aspect_ratio = aspect
        if transfer: stream.codec_context.color_trc = transfer
        sound = out.add_stream("aac", rate=48000) if audio else None
        for i, f in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(f, format="rgb24").reformat(format=fmt)
            frame.pts, frame.time_base = (stamps[i], Fraction(1, 1000)) if stamps else (i, Fraction(1, rate))
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if sound:
            noise = av.AudioFrame.from_ndarray(np.zeros((1, 48000), np.float32), format="fltp", layout="mono")
            noise.sample_rate = 48000
            out.mux(sound.encode(noise)); out.mux(sound.encode(None))
    return path

def turned(path, frames):
    data = video(path, frames).read_bytes()
    unity, quarter = (b"".join(v.to_bytes(4, "big", signed=True) for v in m) for m in ((65536, 0, 0, 0, 65536, 0, 0, 0, 2**30), (0, 65536, 0, -65536, 0, 0, 0, 0, 2**30)))
    at = data.index(unity, data.index(b"tkhd"))
    path.write_bytes(data[:at] + quarter + data[at + 36:])
    return path

def broken(path, frames):
    parts = video(path, frames, "png", "rgb24").read_bytes().split(b"\x89PNG")
    path.write_bytes(b"\x89PNG".join(parts[:3]) + b"????" + b"\x89PNG".join(parts[3:]))
    return path

def image(path, picture, mode=None, **options):
    im = Image.fromarray(picture)
    (im.convert(mode) if mode else im).save(path, **options)
    return path

def text(path, content): path.write_bytes(content); return path

def folder_of(path, pictures):
    path.mkdir()
    for i, p in enumerate(pictures): Image.fromarray(p).save(path / f"{i}.png")
    return path

def deep(path, picture): # 16 bits a sample
    encoder = av.CodecContext.create("png", "w")
    encoder.height, encoder.width, encoder.pix_fmt, encoder.time_base = *picture.shape[:2], "rgb48be", Fraction(1)
    frame = av.VideoFrame.from_ndarray(picture.astype(np.uint16) * 257, format="rgb48le").reformat(format="rgb48be")
    return text(path, b"".join(bytes(packet) for packet in encoder.encode(frame)))

def transparent_gif(path, pictures):
    first, *others = (Image.fromarray(np.dstack([p, np.where(p[..., 0] > 128, 255, 0).astype(np.uint8)])) for p in pictures)
    first.save(path, save_all=True, append_images=others, duration=500, disposal=2)
    return path

def sideways(path, picture):
    exif = Image.Exif(); exif[0x0112] = 6
    return image(path, picture, exif=exif)

def inputs(d, frames): # name -> (path, (frames, height, width) expected, or None for an error)
    h, w = frames.shape[1:3]
    grey16 = frames[0, ..., 0].astype(np.uint16) * 257
    yield "video of one frame", video(d / "one.mp4", frames[:1]), (1, h, w)
    yield "video of 1x1 px", video(d / "dot.mkv", frames[:2, :1, :1], "ffv1", "bgr0"), (2, 1, 1)
    yield "video of 35x27 px", video(d / "odd.mkv", frames[:2, :27, :35], "ffv1", "yuv444p"), (2, 27, 35)
    for name, codec, fmt in (("4:4:4", "libx264", "yuv444p"), ("10 bit", "libx265", "yuv420p10le"), ("grey", "ffv1", "gray"), ("full range", "mjpeg", "yuvj420p"), ("RGB with alpha", "ffv1", "bgra")):
        yield f"video, {name}", video(d / f"{fmt}.mkv", frames[:2], codec, fmt), (2, h, w)
    yield "video of variable rate", video(d / "vfr.mkv", frames[:4], "ffv1", "bgr0", stamps=[0, 480, 1030, 2900]), (4, h, w)
    yield "video of pixels that are not square", video(d / "wide.mp4", frames[:2], aspect=Fraction(64, 45)), (2, h, w)
    yield "video in HDR (PQ)", video(d / "hdr.mp4", frames[:2], "libx265", "yuv420p10le", transfer=16), (2, h, w)
    yield "animated GIF with transparency", transparent_gif(d / "ghost.gif", frames[:2]), (2, h, w)
    yield "video with rotation", turned(d / "turned.mp4", frames[:2]), (2, w, h)
    yield "video with audio", video(d / "audio.mp4", frames[:2], audio=True), (2, h, w)
    yield "video with a broken frame inside", broken(d / "broken.mov", frames[:4]), (3, h, w)
    whole = video(d / "whole.mkv", frames[:4], "ffv1", "bgr0").read_bytes()
    yield "video cut off in the middle", text(d / "cut.mkv", whole[:len(whole) // 2]), (1, h, w)  # what is whole before the cut
    yield "video of 0 bytes", text(d / "empty.mp4", b""), None
    yield "text called .mp4", text(d / "text.mp4", b"this is no video\n" * 50), None
    yield "random bytes called .mp4", text(d / "noise.mp4", np.random.default_rng(0).bytes(5000)), None
    yield "no such file", d / "nowhere.mp4", None
    yield "folder of pictures", folder_of(d / "pictures", frames[:3]), (3, h, w)
    yield "folder of pictures of two sizes", folder_of(d / "sizes", [frames[0], frames[1, :50]]), None
    yield "empty folder", folder_of(d / "nothing", []), None
    yield "image with alpha", image(d / "alpha.png", np.dstack([frames[0], frames[1, ..., 0]])), (1, h, w)
    yield "image with a palette", image(d / "palette.png", frames[0], "P"), (1, h, w)
    yield "image with EXIF rotation", sideways(d / "side.jpg", frames[0]), (1, w, h)
    yield "image of 16 bit, grey", image(d / "deep.png", grey16), (1, h, w)
    yield "image of 16 bit, RGB", deep(d / "deeper.png", frames[0]), (1, h, w)
    yield "image in AVIF", image(d / "still.avif", frames[0]), (1, h, w)
    yield "image in CMYK", image(d / "print.jpg", frames[0], "CMYK"), (1, h, w)
    yield "image of 1x1 px", image(d / "dot.png", frames[0, :1, :1]), (1, 1, 1)
    yield "image cut off in the middle", text(d / "half.png", (d / "dot.png").read_bytes()[:40]), None
    yield "image that claims 60000x60000 px", text(d / "bomb.png", b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", 60000, 60000, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")), None

def chunk(kind, data): return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

def files(d, good): # name -> path of a damaged .iac
    data = good.read_bytes()
    flipped = lambda i: data[:i] + bytes([data[i] ^ 4]) + data[i + 1:]
    header = unpack_header(data)
    forged = lambda **fields: pack_header(dataclasses.replace(header, **fields)) + data[header.size:]  # with a checksum that fits
    for name, content in {"empty": b"", "cut in the header": data[:50], "cut in a frame": data[:-40], "a bit flipped in the header": flipped(30), "a bit flipped in a frame": flipped(len(data) - 30),
                          "version 2": data[:4] + b"\2" + data[5:], "another global model": forged(identity="00" * 16), "lengths that lie": forged(n_frames=99_999), "one byte more": data + b"\0", "not an .iac file": whole_png}.items():
        yield f".iac, {name}", text(d / f"{name.replace(' ', '-')}.iac", content)

whole_png = b"\x89PNG\r\n\x1a\n" + bytes(100)


def run(*arguments): # (exit code, lines of error)
    out, errors = io.StringIO(), io.StringIO()
    sys.argv = ["instance-compression", *map(str, arguments)]
    with redirect_stdout(out), redirect_stderr(errors):
        try: cli(); code = 0
        except SystemExit as e: code = e.code or 0
        except BaseException as e: code = 99; print(f"error: uncaught {type(e).__name__}: {e}", file=sys.stderr)
    return code, error_lines(errors.getvalue())

def error_lines(errors): return [s for s in errors.replace("\r", "\n").splitlines() if s.startswith("error") or "Traceback" in s]

def is_refused(code, lines): return code in (1, 2) and len(lines) == 1 and lines[0].startswith("error")

def outputs(d, clip): # name -> (code, lines of error, nothing left): outputs that cannot be written
    shell = lambda limit, *args: subprocess.run([sys.executable, "-W", "ignore", "-m", "instance_compression.cli", *map(str, args)], capture_output=True, text=True, preexec_fn=limit)
    def small():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    for name, limit, args, left in (
            ("encode to a full disk (no file may grow beyond 1000 bytes)", small, ("encode", clip, "--method", "global", "-o", d / "full.iac"), d / "full.iac"),
            ("adapt on a full disk: the checkpoint does not fit", small, ("encode", clip, "--steps", "8", "--evaluations", "2", "--crop", "64", "-o", d / "full2.iac"), d / "full2.iac"),
            ("decode to a full disk", small, ("decode", d / "good.iac", "-o", d / "full-frames"), d / "full-frames"),
            ("encode into a folder that cannot be written", None, ("encode", clip, "--method", "global", "-o", "/proc/out.iac"), Path("/proc/out.iac"))):
        done = shell(limit, *args)
        yield name, done.returncode, error_lines(done.stderr), not left.exists() and not [p for p in d.iterdir() if p.name.startswith(".full")]
    first = subprocess.Popen([sys.executable, "-W", "ignore", "-m", "instance_compression.cli", "encode", str(clip), "--steps", "400", "--crop", "64", "-o", str(d / "two.iac")], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for line in iter(lambda: first.stderr.read(1), ""):  # the bar shows that it is at work
        if line == "%": break
    second = shell(None, "encode", clip, "--steps", "400", "--crop", "64", "-o", d / "two.iac")
    first.kill(); first.communicate()
    yield "two runs on one output, the second", second.returncode, error_lines(second.stderr), not (d / "two.iac").exists()


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--table", type=Path, default=Path("results/odd_inputs.csv"), help="Table to write.")
    a, rows = a.parse_args(), []
    note = lambda **row: (rows.append(row | provenance()), print(row, flush=True))
    with tempfile.TemporaryDirectory() as folder:
        d, frames, model = Path(folder), sample_clip(4, 72, 100).frames, load_global(1e-3)
        for name, path, expected in inputs(d, frames):
            out = d / "out.iac"
            code, lines = run("encode", path, "-o", out, "--method", "global")
            shape = None
            if code == 0:
                decoder = Decoder(out, model)
                shape = np.stack([decoder[i] for i in range(len(decoder))]).shape[:3]
            passed = shape == expected if expected else is_refused(code, lines) and not out.exists()
            out.unlink(missing_ok=True)
            note(input=name, exit_code=code, sees="; ".join(lines).replace(str(d), "") or f"{shape[0]} frames of {shape[2]}x{shape[1]}", passed=passed)
        good = d / "good.iac"
        run("encode", folder_of(d / "source", frames[:2]), "-o", good, "--method", "global")
        for name, path in files(d, good):
            code, lines = run("decode", path, "-o", d / "frames")
            note(input=name, exit_code=code, sees="; ".join(lines).replace(str(d), ""), passed=is_refused(code, lines) and not (d / "frames").exists())
        for name, code, lines, clean in outputs(d, d / "source"):
            note(input=name, exit_code=code, sees="; ".join(lines).replace(str(d), ""), passed=is_refused(code, lines) and clean)
    pd.DataFrame(rows).to_csv(a.table, index=False)
    if bad := [r["input"] for r in rows if not r["passed"]]: raise SystemExit(f"not as it should be: {bad}")


if __name__ == "__main__": main()
