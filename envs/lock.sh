#!/bin/sh
# Resolve envs/*.in into envs/*.lock in a fresh environment. Usage: envs/lock.sh PYTHON
# torch's own CUDA packages are left out: torch pins them itself, and a CPU build has none.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1" -m venv "$work/venv"
freeze() {
    "$work/venv/bin/pip" install --quiet -r "$1.in" $2
    {
        echo "# Made by \`make lock\` from $1.in; do not edit."
        "$work/venv/bin/pip" freeze --all --exclude pip | sed -E 's/\+cpu$//' |
            grep -viE '^(nvidia-|cuda-|triton)' | { [ "$1" = main ] && cat || grep -vxFf main.lock; }
    } >"$work/$1.lock"
    mv "$work/$1.lock" "$1.lock"
}
freeze main ""
freeze architectures "-c main.lock"
"$work/venv/bin/pip" uninstall --quiet --yes -r architectures.lock
freeze dev "-c main.lock -c architectures.lock"
# In an environment of its own: onnx-diagnostic wants an older transformers.
"$work/venv/bin/pip" uninstall --quiet --yes -r dev.lock
freeze bench "-c main.lock"
# With another torch: an environment of its own, whose lock is complete.
"$1" -m venv --clear "$work/venv"
grep -v '^torch==' main.in | cat - gallery.in >"$work/gallery.in"
"$work/venv/bin/pip" install --quiet -r "$work/gallery.in"
{
    echo "# Made by \`make lock\` from gallery.in; do not edit."
    "$work/venv/bin/pip" freeze --all --exclude pip | sed -E 's/\+cpu$//' |
        grep -viE '^(nvidia-|cuda-|triton)'
} >gallery.lock
