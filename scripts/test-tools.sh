#!/bin/sh
# Installs what some tests need beside .venv: Chromium (browser tests), faketime (runs with clocks apart), the npm packages
# under tests/node, Helm's engine as a library (75 MB; tests of the chart), and the Python clients of Realtime and of
# Toxiproxy, each in an environment of its own.
# Run by `make test-all`. Never fails a build: what cannot be installed is named with its reason, and its tests skip.
set -u
cd "$(dirname "$0")/.." || exit 0

log=$(mktemp) || exit 0
trap 'rm -f "$log"' EXIT

missed() {
    printf 'test-tools: %s not installed: %s\n' "$1" "$2"
}

last_line() {
    tail -n 1 "$log"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

may_install() {
    [ "$(id -u)" -eq 0 ] || { command -v sudo && sudo -n true; } >"$log" 2>&1
}

apt_install() {
    # An update may fail for one source of several and the install still work, so only the install decides.
    as_root apt-get update -qq >"$log" 2>&1
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >"$log" 2>&1 </dev/null
}

install_chromium() {
    command -v chromium >"$log" 2>&1 && return
    if ! command -v apt-get >"$log" 2>&1; then
        missed chromium "no apt-get here; install chromium by hand and put it on PATH"
    elif ! may_install; then
        missed chromium "needs root or a sudo without password"
    elif ! apt_install chromium; then
        missed chromium "apt-get said: $(last_line)"
    elif ! command -v chromium >"$log" 2>&1; then
        missed chromium "the package brought no command of that name"
    fi
}

install_faketime() {
    command -v faketime >"$log" 2>&1 && return
    if ! command -v apt-get >"$log" 2>&1; then
        missed faketime "no apt-get here; install faketime by hand and put it on PATH"
    elif ! may_install; then
        missed faketime "needs root or a sudo without password"
    elif ! apt_install faketime; then
        missed faketime "apt-get said: $(last_line)"
    fi
}

install_node_packages() {
    for folder in tests/node tests/node/axe tests/node/supabase-2.90.1 tests/node/supabase-2.119.1; do
        [ -f "$folder/package.json" ] || continue
        if ! command -v node >"$log" 2>&1 || ! command -v npm >"$log" 2>&1; then
            missed "npm packages of $folder" "no node and npm on PATH"
        elif [ "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ]; then
            continue
        elif ! (cd "$folder" && npm ci --silent --no-audit --no-fund) >"$log" 2>&1; then
            missed "npm packages of $folder" "npm said: $(last_line)"
        fi
    done
}

# The Python Realtime client needs an older websockets than we do, hence an environment of its own.
install_realtime_client() {
    wanted=tests/python-client/requirements.txt
    home=.venv/realtime-client
    [ -x .venv/bin/python ] || return
    cmp -s "$wanted" "$home/installed" && return
    if ! .venv/bin/python -m venv "$home" >"$log" 2>&1; then
        missed "the Python realtime client" "venv said: $(last_line)"
    elif ! "$home/bin/pip" install --quiet --disable-pip-version-check -r "$wanted" >"$log" 2>&1; then
        missed "the Python realtime client" "pip said: $(last_line)"
    else
        cp "$wanted" "$home/installed"
    fi
}

install_toxiproxy_clients() {
    folder=.venv/toxiproxy-clients
    wanted=tests/chaos/requirements-clients.txt
    [ -d .venv ] && [ -f "$wanted" ] || return
    [ "$folder/.installed" -nt "$wanted" ] && return
    if ! "${PYTHON:-.venv/bin/python}" -m venv "$folder" >"$log" 2>&1; then
        missed "Toxiproxy's Python clients" "venv said: $(last_line)"
    elif ! "$folder/bin/pip" install --quiet --disable-pip-version-check -r "$wanted" >"$log" 2>&1; then
        missed "Toxiproxy's Python clients" "pip said: $(last_line)"
    else
        touch "$folder/.installed"
    fi
}

# The extra `trace` of ours, for the tests that record in a browser; it downloads no browser.
install_playwright() {
    [ -x .venv/bin/python ] || return
    .venv/bin/python -c 'import playwright' >"$log" 2>&1 && return
    if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check 'playwright>=1.50,<1.70' >"$log" 2>&1; then
        missed playwright "pip said: $(last_line)"
    fi
}

# Renders deploy/helm as `helm template` does, without a helm on the machine.
install_helm() {
    [ -x .venv/bin/python ] || return
    .venv/bin/python -c 'import helm_python' >"$log" 2>&1 && return
    if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check 'helm-python-sdk==0.2.2' >"$log" 2>&1; then
        missed helm-python-sdk "pip said: $(last_line)"
    fi
}

install_chromium
install_faketime
install_helm
install_playwright
install_node_packages
install_realtime_client
install_toxiproxy_clients
exit 0
