#!/bin/sh
# Makes .venv from requirements/*.lock. Run again, it does nothing until a lock or pyproject.toml changes.
# `bootstrap.sh tools` makes only the helper environment .venv-tools, which holds uv and a Node for the pages.
set -eu
cd "$(dirname "$0")"

runs() { [ -n "$1" ] && "$@" >/dev/null 2>&1; }  # being on PATH proves nothing (pyenv shims exit 127): execute
fits() { runs "$1" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 12))'; }

stamp=$(cat pyproject.toml requirements/*.lock | cksum)
if [ "${1:-}" != tools ] && [ "$(cat .venv/.locks 2>/dev/null)" = "$stamp" ] &&
    runs .venv/bin/python -c 'import evenfall'; then exit 0; fi

shims=$(dirname "$(command -v python3 || echo /)")
pyenv=${PYENV_ROOT:-${HOME:-}/.pyenv}/versions
for python in "${PYTHON:-}" python3.13 python3.12 python3.14 python3 "$pyenv"/3.13*/bin/python3 "$pyenv"/3.*/bin/python3 \
    "$shims"/../versions/3.13*/bin/python3 "$shims"/../versions/3.*/bin/python3 /opt/homebrew/bin/python3 \
    "${HOME:-}"/.local/share/uv/python/*/bin/python3 none; do
    if fits "$python"; then break; fi
done
if [ "$python" = none ]; then
    echo "bootstrap: no working Python >= 3.12 with its venv module was found." >&2
    echo "  Debian, Ubuntu: apt-get install python3-venv    macOS: brew install python@3.13" >&2
    echo "  or name one:    PYTHON=/path/to/python3 ./bootstrap.sh" >&2
    exit 1
fi

tools() {
    runs .venv-tools/bin/python -m pip --version || "$python" -m venv --clear .venv-tools
    .venv-tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/tools.lock
}
if [ "${1:-}" = tools ]; then tools && exit 0; fi
uv=$(command -v uv || true)
if ! runs "$uv" --version; then
    uv=.venv-tools/bin/uv
    tools
fi
UV_SYSTEM_CERTS=1 UV_NATIVE_TLS=1 && export UV_SYSTEM_CERTS UV_NATIVE_TLS  # trust what the machine trusts
fits .venv/bin/python || "$uv" venv --quiet --clear --python "$python" .venv
VIRTUAL_ENV=$PWD/.venv && export VIRTUAL_ENV
"$uv" pip sync --quiet --require-hashes requirements/core.lock requirements/dev.lock
"$uv" pip install --quiet --no-deps --no-build-isolation --editable .
echo "$stamp" >.venv/.locks
