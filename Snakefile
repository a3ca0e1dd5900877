# Does the runs behind results/, and draws the figures from its tables.
#
#   snakemake --cores 2 --config study=main     runs that results/ does not hold yet (studies: instance_compression/experiments.py)
#   snakemake --cores 2 figures                 every figure and README's numbers, from the stored tables alone
#
# The studies are those of instance_compression/experiments.py.
# Settings after --config: study=NAME, threads=1 (of torch, in one run), device=cpu (a run on cuda asks for one GPU), folder=runs.
# On a cluster, add the flags of an executor, such as --executor slurm --jobs 20. The rules stay as they are.
from instance_compression.experiments import pending

study, folder = config.get("study", "main"), config.get("folder", "runs")
device = config.get("device", "cpu")


rule collect:
    input:
        [f"{folder}/{run.key}.json" for run in pending(study)],
    localrule: True
    shell:
        "python -m instance_compression.experiments collect --folder {folder}"


rule run:
    output:
        folder + "/{name}.{digest}.json",
    log:
        folder + "/{name}.{digest}.log",
    wildcard_constraints:
        digest="[0-9a-f]{8}",
    threads: int(config.get("threads", 1))
    resources:
        mem_mb=3000,
        runtime=240,
        gpu=0 if device == "cpu" else 1,
    shell:
        "OMP_NUM_THREADS={threads} python -m instance_compression.experiments run {wildcards.name} --folder {folder} --threads {threads} --device {device} --no-progress > {log} 2>&1"


rule figures:
    localrule: True
    shell:
        "python -m instance_compression.findings"
