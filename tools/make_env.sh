#!/bin/sh
# Makes .venv with the exact pins of requirements.txt and this package; `make lab` and `make test` call it.
# uv installs in a quarter of pip's time: it is used where it is there or can be had, and never required.
set -eu
cd "$(dirname "$0")/.."

for python in ${PYTHON:-python3.13 python3.12 python3.11 python3 python}; do
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break
    python=
done
if [ -z "$python" ]; then
    echo "make_env: no Python >= 3.11 found (looked for ${PYTHON:-python3.13 ... python}); install one, or say PYTHON=/path/to/python" >&2
    exit 1
fi

"$python" -m venv --clear .venv
if uv=$(command -v uv); then
    echo "make_env: installing with $uv"
else
    # uv itself by its own pin and hash: the lines of requirements.txt from uv== to the next package
    awk '/^[a-z]/ { here = /^uv==/ } here' requirements.txt > .venv/uv.txt
    .venv/bin/python -m pip install --quiet --require-hashes -r .venv/uv.txt && uv=.venv/bin/uv
    echo "make_env: installing with ${uv:-pip (no uv here; this takes a few minutes)}"
fi
if [ -n "$uv" ]; then
    # as pip does: else every kernel and worker compiles what it imports, and anew where nothing may be written
    "$uv" pip install --quiet --compile-bytecode --python .venv/bin/python --require-hashes -r requirements.txt
    "$uv" pip install --quiet --python .venv/bin/python --no-deps --editable .
else
    .venv/bin/python -m pip install --quiet --require-hashes -r requirements.txt
    .venv/bin/python -m pip install --quiet --no-deps --editable .
fi
touch .venv/ready
