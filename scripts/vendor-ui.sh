#!/usr/bin/env bash
# Refreshes src/keter/dashboard/web/vendor: Preact, htm and signals as one ES module, and uPlot.
# Needs Node and npm; only whoever changes a version below runs it. Installing and running Keter needs neither.
set -euo pipefail

root="$(cd "$(dirname "$0")/.." && pwd)"
vendor="$root/src/keter/dashboard/web/vendor"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-save --no-audit --no-fund \
  preact@11.2.0 htm@3.1.1 @preact/signals@2.11.4 uplot@1.6.32 esbuild@0.28.2 axe-core@4.14.1

cat > ui.js <<'JS'
import { h } from 'preact';
import htm from 'htm';
// No vnode is shared between renders: through its parent a shared one would hold on to every tree it has ever been in.
export const html = htm.bind(function (...args) { this[0] = 3; return h(...args); });
export { h, render, Fragment, Component, createRef } from 'preact';
export { useEffect, useLayoutEffect, useRef, useState, useMemo, useCallback, useErrorBoundary } from 'preact/hooks';
export { signal, computed, effect, batch, untracked } from '@preact/signals';
JS
bundle() { npx --no-install esbuild "$1" --bundle --minify --format=esm --target=es2022 --legal-comments=none --outfile="$vendor/$2"; }
mkdir -p "$vendor"
bundle ui.js ui.js
bundle node_modules/uplot/dist/uPlot.esm.js uplot.js
cp node_modules/uplot/dist/uPlot.min.css "$vendor/uplot.css"
mkdir -p "$root/tests/e2e/vendor"
cp node_modules/axe-core/axe.min.js "$root/tests/e2e/vendor/axe.min.js"
cp node_modules/axe-core/LICENSE "$root/tests/e2e/vendor/LICENSE-axe-core"

: > "$vendor/LICENSES.txt"
for package in preact htm @preact/signals @preact/signals-core uplot; do
  { echo "=== $package $(node -p "require('./node_modules/$package/package.json').version")"; echo; cat "node_modules/$package"/LICENSE*; echo; } >> "$vendor/LICENSES.txt"
done

node - "$vendor" <<'JS'
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const [vendor] = process.argv.slice(2);
const about = (name) => { const p = JSON.parse(fs.readFileSync(`node_modules/${name}/package.json`)); return { name, version: p.version, licence: p.license }; };
const file = (path, names) => ({ path, sha256: createHash('sha256').update(fs.readFileSync(`${vendor}/${path}`)).digest('hex'), packages: names.map(about) });
const manifest = { files: [
  file('ui.js', ['preact', 'htm', '@preact/signals', '@preact/signals-core']),
  file('uplot.js', ['uplot']),
  file('uplot.css', ['uplot']),
  file('LICENSES.txt', ['preact', 'htm', '@preact/signals', '@preact/signals-core', 'uplot']),
] };
fs.writeFileSync(`${vendor}/MANIFEST.json`, JSON.stringify(manifest, null, 2) + '\n');
JS
echo "vendored into $vendor"
