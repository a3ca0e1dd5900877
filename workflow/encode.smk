# Encode one video on many machines: cut it, encode each clip as a job, join the files.
#
#   snakemake -s workflow/encode.smk --cores 8 --config video=film.mp4 output=film.iac segments=scenes options="--bpp 0.2"
#
# With an executor of Snakemake, the jobs run on a cluster: add --executor slurm, or --executor kubernetes, and its options.
# All machines see the folder of the output. A job that was killed goes on from its checkpoint when the command is run again.
from pathlib import Path

VIDEO, OUTPUT = config["video"], config["output"]
SEGMENTS, FPS, OPTIONS = config.get("segments", "scenes"), config.get("fps", 2), config.get("options", "")
WORK = f"{OUTPUT}.clips"

rule all:
    input: OUTPUT

checkpoint cut:
    output: directory(f"{WORK}/cut")
    shell: "instance-compression cut {VIDEO:q} -o {output:q} --segments {SEGMENTS} --fps {FPS}"

rule encode:
    input: f"{WORK}/cut/{{clip}}.mkv"
    output: f"{WORK}/coded/{{clip}}.iac"
    threads: 2
    shell: "OMP_NUM_THREADS={threads} instance-compression encode {input:q} -o {output:q} --fps 1000 {OPTIONS}"

def coded(wildcards):
    folder = Path(checkpoints.cut.get().output[0])
    return [f"{WORK}/coded/{clip.stem}.iac" for clip in sorted(folder.glob("*.mkv"))]

rule join:
    input: coded
    output: OUTPUT
    shell: "instance-compression join {input:q} -o {output:q}"
