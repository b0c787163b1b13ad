#!/bin/sh
# Starts Keter: finds Python 3.11+, completes .venv and .env where needed, then runs `keter up` with the arguments given here.
# KETER_PYTHON names the Python to use.
set -eu
cd "$(dirname "$0")"

seen=
for candidate in ${KETER_PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
  version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
  seen=${seen:-$version}
  if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    "$candidate" scripts/bootstrap.py || exit $?
    exec .venv/bin/python -m keter up "$@"
  fi
done
echo "keter: Keter needs Python 3.11 or newer; found ${seen:-none}. Install one (Debian, Ubuntu: apt install python3 python3-venv)" \
  "or name it: KETER_PYTHON=/path/to/python3.11 ./start.sh" >&2
exit 69
