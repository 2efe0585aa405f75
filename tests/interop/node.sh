#!/usr/bin/env bash
# The official Node SDK against volc-emulator: @volcengine/sdk-core, over which the vendor generates its clients. That of ECS
# is not on npm; scenarios.mjs has a small one. See emulators.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/interop/emulators.sh

folder=target/interop/node

command -v node >/dev/null || skip "no node"
command -v npm >/dev/null || skip "no npm"
[ "$(node -p 'Number(process.versions.node.split(".")[0]) >= 18')" = true ] || skip "node is older than the 18 that the SDK needs"
mkdir -p "$folder"
if ! cmp -s "$here/node/package-lock.json" "$folder/package-lock.json" || [ ! -d "$folder/node_modules" ]; then
  cp "$here/node/package.json" "$here/node/package-lock.json" "$folder"
  npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error || {
    rm -f "$folder/package-lock.json" # half an installation is none
    skip "@volcengine/sdk-core could not be installed"
  }
fi

cargo build -q -p volc-emulator
alone node "$here/node/forced.mjs" >"$folder/faults.json"
start
there=$url
start --scenario "$folder/faults.json"
forced=$url
start --scenario docs/lost-reply.json
alone node "$here/node/scenarios.mjs" "$there" "$forced" "$url" "$folder"
