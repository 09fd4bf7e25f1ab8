# Finds a Python of 3.11 or newer and lets it make .venv; silent and quick when that was done before. Run by the Makefile.
set -eu

is_new_enough='import sys; sys.exit(sys.version_info < (3, 11))'

for candidate in python3 python3.13 python3.12 python3.11 python3.14; do
    if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c "$is_new_enough" >/dev/null 2>&1; then
        exec "$candidate" infra/local/setup.py
    fi
done
echo "Quartermaster needs Python 3.11 or newer on the PATH; install one (Debian and Ubuntu: apt install python3 python3-venv)." >&2
exit 1
