#!/usr/bin/env bash
# The environment of a platform: locks/environment.sh [cpu|cuda]; without one, of the profile in params.yaml.
# Each is a folder of .venv/ named as its lock: train (a CPU), gpu (NVIDIA GPUs), eval (grading, on either).
set -euo pipefail
platform=${1:-$(sed 's/#.*//' params.yaml | grep -oE '\bplatform: *[^ ,}]*' | sed 's/.*: *//' || true)}
case $platform in
cpu) echo train ;;
cuda) echo gpu ;;
*) echo "error: params.yaml: backend.platform is '$platform', not cpu or cuda" >&2 && exit 1 ;;
esac
