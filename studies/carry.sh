#!/usr/bin/env bash
# Collect the packages that a machine with torch, numpy, scipy, pandas, Pillow, scikit-image and safetensors lacks.
#
#   studies/carry.sh [FOLDER [PACKAGE ...]]
#
# FOLDER (studies/packages) gets the wheels for Python 3.12 on Linux x86-64. studies/gpu.sh unpacks them; unpacked they
# would take three times the bytes on the way. PACKAGE ... replaces the list below, for example compressai==1.2.8.
set -euo pipefail
folder=${1:-$(dirname "$0")/packages}
shift $(( $# > 0 ? 1 : 0 ))
packages=("$@")
[ $# -gt 0 ] || packages=(compressai==1.2.8 pytorch-msssim==1.0.0)
platforms=()
for glibc in 34 28 27 24 17; do platforms+=(--platform "manylinux_2_${glibc}_x86_64"); done
python3 -m pip download --quiet --no-deps --only-binary=:all: --python-version 3.12 --implementation cp \
  "${platforms[@]}" --platform manylinux2014_x86_64 --dest "$folder" "${packages[@]}"
du -sh "$folder"
