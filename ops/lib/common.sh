# Shared by the scripts in ops/. Source it; it changes to the project's root.
# shellcheck shell=bash
set -euo pipefail

TRIBUTARY_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$TRIBUTARY_ROOT"

# Everything that scripts make at run time lies here; `rm -r` of it is always safe.
# shellcheck disable=SC2034  # for those who source this
STATE_DIR="$TRIBUTARY_ROOT/.tributary"
VENV_DIR="$TRIBUTARY_ROOT/.tributary/venv"

say() { printf '%s\n' "$*"; }

warn() { printf '%s\n' "$*" >&2; }

fail() {
    warn "error: $*"
    exit 1
}

# The Python of the virtual environment where there is one: it has the packages from PyPI.
python_path() {
    if [ -x "$VENV_DIR/bin/python" ]; then printf '%s\n' "$VENV_DIR/bin/python"; else command -v python3; fi
}

python() { "$(python_path)" "$@"; }
