#!/usr/bin/env bash
# Resolves the hash-locked dependency sets. The runtime set follows the development set, so that tests run what users run.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
  "${UV:-uv}" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url \
    --custom-compile-command ./scripts/lock.sh "${@:2}" pyproject.toml -o "$1"
}
compile requirements-dev.lock --group dev "$@"
compile requirements.lock --group build -c requirements-dev.lock "$@"
compile requirements-extras.lock --extra telegram --extra notify --extra postgres --extra parquet -c requirements-dev.lock "$@"
compile requirements-oracles.lock --group oracles -c requirements-dev.lock "$@"
