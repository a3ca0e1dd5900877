"""Damage valid files in many ways and decode them under a limit of time and memory -> results/fuzz.csv.

python studies/fuzz.py [--mutations 10000] [--version 1]

The files are those of conformance/. Version 2 is written to results/fuzz_v2.csv. A mutation ends well as an error of one line, or with the original pictures. It ends badly with other pictures, a crash, or after
more than 10 s. The kinds `field` and `payload` repair every checksum after the change, as an attacker would. Such a file is another
valid file and may have other pictures. For these two kinds, only crash, time and memory count. In a file of several clips, the
last clip's checksums are repaired.
"""
import argparse
import dataclasses
import multiprocessing
import queue
import resource
import signal
import struct
import tempfile
import time
import zlib
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from instance_compression.bitstream import BitstreamError, pack_header, unpack_header
from instance_compression.common import load_tensors, provenance
from instance_compression.compressai_models import model_of_weights
from instance_compression.hyperprior import load_model
from instance_compression.sequence import CodedSequence, SequenceDecoder

KINDS = ("bits", "bytes", "cut", "insert", "remove", "splice", "zeros", "length", "field", "payload")
SEALED = ("field", "payload")


def header_end(data): # offset of the header's checksum
    return 9 + struct.unpack_from("<I", data, 5)[0]

def reseal(data):
    "Repair the header's checksum."
    end = header_end(data)
    return data[:end] + struct.pack("<I", zlib.crc32(data[:end])) + data[end + 4:] if 9 < end <= len(data) - 4 else data

def mutate(kind, data, last, others, rng):
    "Damage the bytes of a file in one way. Its last clip begins at `last`. `others` are further files, for `splice`."
    if kind in SEALED and last: return data[:last] + mutate(kind, data[last:], 0, others, rng)
    d, n = bytearray(data), len(data)
    i = int(rng.integers(n))
    if kind == "bits":
        for j in rng.integers(0, n, rng.integers(1, 9)): d[j] ^= 1 << rng.integers(8)
    elif kind == "bytes":
        for j in rng.integers(0, n, rng.integers(1, 17)): d[j] = rng.integers(256)
    elif kind == "cut": d = d[:i]
    elif kind == "insert": d[i:i] = rng.bytes(int(rng.integers(1, 64)))
    elif kind == "remove": del d[i:i + int(rng.integers(1, 64))]
    elif kind == "splice":
        other = others[rng.integers(len(others))]
        d[i:i + 512] = other[i % len(other):i % len(other) + 512]
    elif kind == "zeros": d[i:i + 32] = bytes(len(d[i:i + 32]))
    elif kind == "length":  # a 32-bit number of the header, its checksum left as it was
        struct.pack_into("<I", d, int(rng.integers(5, max(6, header_end(data) - 4))), int(rng.choice([0, 1, 2**16, 2**31, 2**32 - 1, int(rng.integers(2**32))])))
    elif kind == "field":
        at = int(rng.integers(9, header_end(data) - 4))
        if rng.random() < 0.5: struct.pack_into("<I", d, at, int(rng.choice([0, 1, 2, 64, 1000, 8000, 2**16, 2**31, 2**32 - 1, int(rng.integers(2**32))])))
        else: d[at] = rng.integers(256)
        return reseal(bytes(d))
    elif kind == "payload":
        header = unpack_header(data)
        d[int(rng.integers(header.size, n))] ^= 1 << rng.integers(8)
        ends = np.cumsum([header.size, *(size for size, _ in header.sections)])
        sections = tuple((b - a, zlib.crc32(d[a:b])) for a, b in zip(ends, ends[1:]))
        return pack_header(dataclasses.replace(header, sections=sections)) + bytes(d[header.size:])
    return bytes(d)


def models_of(version):
    "The global models behind the files, by codec."
    models = {"hyperprior": load_model(Path("conformance/v1/model.safetensors"))}
    for path in Path(f"conformance/v{version}").glob("*.safetensors"):
        if path.stem != "model": models[path.stem] = model_of_weights(load_tensors(path)[0], path, 1e-2)
    return models

def decode_all(path, models):
    decoder = SequenceDecoder(path, lambda clip: models[clip.header.codec])
    return np.stack(list(decoder.pictures()))

def start_of_last(path): # first byte of the last clip; 0 in a file of one
    return CodedSequence(path).clips[-1].start

def worker(version, folder, jobs, results):
    "Damage and decode files in a process of its own, until a job is None. Each result is (job, kind, outcome, seconds, MB)."
    torch.set_num_threads(1)
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(TimeoutError()))
    models, paths = models_of(version), sorted(Path(f"conformance/v{version}").glob("*.iac"))
    files, lasts, originals = [p.read_bytes() for p in paths], [start_of_last(p) for p in paths], []
    for data in files:
        (path := Path(folder) / "x.iac").write_bytes(data)
        originals.append(decode_all(path, models))
    results.put(("ready", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
    while (job := jobs.get()) is not None:
        rng = np.random.default_rng(job)
        kind, which = KINDS[job % len(KINDS)], job // len(KINDS) % len(files)
        while (data := mutate(kind, files[which], lasts[which], files, rng)) == files[which]: pass
        path.write_bytes(data)
        begin = time.perf_counter()
        signal.alarm(10)
        try: outcome = "original pictures" if np.array_equal(decode_all(path, models), originals[which]) else "other pictures"
        except BitstreamError as e: outcome = "error" if "\n" not in str(e) else "error of several lines"
        except TimeoutError: outcome = "over 10 s"
        except BaseException as e: outcome = f"crash: {type(e).__name__}: {e}"[:200]
        signal.alarm(0)
        results.put((job, kind, outcome, time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--mutations", type=int, default=10_000, help="Number of damaged files."); a.add_argument("--version", type=int, default=1, choices=(1, 2), help="Version of the files.")
    a = a.parse_args()
    outcomes, slowest, largest = defaultdict(Counter), defaultdict(float), defaultdict(float)
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        jobs, results = context.Queue(), context.Queue()
        for job in [*range(a.mutations), None]: jobs.put(job)
        process = context.Process(target=worker, args=(a.version, folder, jobs, results)); process.start()
        base = results.get()[1]
        for n in range(a.mutations):
            try: job, kind, outcome, seconds, megabytes = results.get(timeout=60)
            except queue.Empty: raise SystemExit(f"no answer after mutation {n - 1}; the process {'runs on' if process.is_alive() else f'ended with {process.exitcode}'}") from None
            outcomes[kind][outcome] += 1
            slowest[kind], largest[kind] = max(slowest[kind], seconds), max(largest[kind], megabytes)
            if outcome not in ("error", "original pictures"): print(job, kind, outcome, flush=True)
        process.join()
    print(f"the process took {base:.0f} MB before the first mutation")
    rows = [{"kind": k, "checksums_repaired": k in SEALED, "n": sum(c.values()), "errors": c["error"], "original_pictures": c["original pictures"], "other_pictures": c["other pictures"],
             "bad": sum(v for o, v in c.items() if o not in ("error", "original pictures", "other pictures")), "slowest_seconds": round(slowest[k], 2), "peak_megabytes": round(largest[k])}
            | provenance() for k, c in outcomes.items()]
    pd.DataFrame(rows).to_csv(Path("results/fuzz.csv" if a.version == 1 else "results/fuzz_v2.csv"), index=False)
    for r in rows: print({k: v for k, v in r.items() if k not in ("commit", "machine")})
    if any(r["bad"] or (r["other_pictures"] and not r["checksums_repaired"]) for r in rows): raise SystemExit("some mutations ended badly")


if __name__ == "__main__": main()
