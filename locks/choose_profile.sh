#!/usr/bin/env bash
# Puts a profile into params.yaml: locks/choose_profile.sh <name | profiles/name.yaml>; without one, nothing is done.
# A params.yaml with changes of one's own is left as it is.
set -euo pipefail
[ $# -gt 0 ] || exit 0
file=$1
[ -f "$file" ] || file=profiles/$1.yaml
[ -f "$file" ] || { echo "error: PROFILE: there is no $1, nor profiles/$1.yaml; profiles are $(ls profiles | sed 's/[.]yaml$//' | paste -sd' ')" >&2; exit 1; }
text() { sed '/^#/d' "$1"; } # the head of a profile may say something else than that of params.yaml
for known in "$file" profiles/*.yaml; do
    if [ ! -f params.yaml ] || [ "$(text params.yaml)" = "$(text "$known")" ]; then
        [ "$(text "$file")" = "$(text params.yaml 2>/dev/null || true)" ] || cp "$file" params.yaml
        exit 0
    fi
done
echo "error: PROFILE: params.yaml has changes of your own that $file would replace; put them into profiles/<name>.yaml, or type: cp $file params.yaml" >&2
exit 1
