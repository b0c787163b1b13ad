#!/usr/bin/env bash
# Runs everything, or one part:  scripts/test.sh [quick|lint|unit|integration|faults|e2e]
# Completes the environment first, with Debian's redis-server, chromium, postgresql, prometheus (for promtool) and shellcheck where
# they are missing and this user may install them. Pytest's closing line comes last.
set -euo pipefail
cd "$(dirname "$0")/.."
part=${1:-all}
case $part in all | quick | lint | unit | integration | faults | e2e) ;; *)
  echo "usage: scripts/test.sh [quick|lint|unit|integration|faults|e2e]" >&2
  exit 64
  ;;
esac

install_missing() {
  local wanted=()
  command -v redis-server >/dev/null || wanted+=(redis-server)
  command -v chromium >/dev/null || wanted+=(chromium)
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || wanted+=(postgresql)
  command -v promtool >/dev/null || wanted+=(prometheus)
  command -v shellcheck >/dev/null || wanted+=(shellcheck)
  [ ${#wanted[@]} -gt 0 ] || return 0
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "missing and not installed here: ${wanted[*]}; tests that need them are skipped with that reason"
    return 0
  fi
  echo "installing ${wanted[*]} ..."
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
}

find_python() {
  local candidate
  for candidate in ${KETER_PYTHON:-python3 python3.13 python3.12 python3.11}; do
    "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$candidate"; return; }
  done
  echo "keter: the tests need Python 3.11 or newer" >&2
  exit 69
}

install_missing
python=$(find_python)
"$python" scripts/bootstrap.py --dev
if [ "$part" = lint ]; then
  exec ./scripts/lint.sh
fi
exec .venv/bin/python -m scripts.run_tests "$part"
