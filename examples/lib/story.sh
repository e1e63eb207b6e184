# shellcheck shell=bash
# What the stories share: a hub of their own in a temporary folder, its command line, a simulated fleet.
# Sourced by them; everything ends with the script.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
if [ -z "${TWINHUB_BINARY:-}" ]; then
    TWINHUB_BINARY=$here/build/server/src/twinhub
    [ -x "$TWINHUB_BINARY" ] || TWINHUB_BINARY=$(command -v twinhub) || {
        echo "There is no twinhub yet: script/server builds one (stop it when it runs)." >&2
        exit 1
    }
fi
https=${HTTPS_PORT:-18443} mqtt=${MQTT_PORT:-18883} amqp=${AMQP_PORT:-15671}
folder=$(mktemp -d)
export TWINHUB_DATA=$folder/data
processes=()

finish() {
    [ ${#processes[@]} -eq 0 ] || kill "${processes[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$folder"
}
trap finish EXIT

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() { "$TWINHUB_BINARY" "$@"; }
show() {
    printf '$ twinhub'
    printf ' %q' "$@"
    printf '\n'
    run "$@"
}
fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# Settings of the hub from standard input.
start_hub() {
    mkdir -m 700 "$TWINHUB_DATA"
    cat >"$TWINHUB_DATA/twinhub.yaml"
    cat >>"$TWINHUB_DATA/twinhub.yaml" <<END
listen: {addresses: [127.0.0.1], https_port: $https, mqtt_port: $mqtt, amqp_port: $amqp}
metrics: {port: ${METRICS_PORT:-19600}}
END
    "$TWINHUB_BINARY" serve >"$folder/hub.log" 2>&1 &
    processes+=($!)
    await 60 "the hub" run query -q 'SELECT COUNT() FROM devices'
}

# await SECONDS WHAT COMMAND...: until the command succeeds.
await() {
    local seconds=$1 what=$2
    shift 2
    local end=$((SECONDS + seconds))
    until "$@" >"$folder/await.out" 2>&1; do
        if [ $SECONDS -ge $end ]; then
            cat "$folder/await.out" >&2
            tail -n 20 "$folder/hub.log" >&2
            fail "waited $seconds seconds for $what"
        fi
        read -rt 0.5 <> <(:) || true
    done
}

# How many devices fulfil a condition.
count() { run query -q "SELECT COUNT() AS n FROM devices WHERE $1" | tr -dc 0-9; }
at_least() { [ "$(count "$2")" -ge "$1" ]; }  # at_least N CONDITION

# start_fleet PREFIX DEVICES OPTIONS...: simulated devices over real connections.
start_fleet() {
    local prefix=$1 devices=$2
    shift 2
    "$TWINHUB_BINARY" simulate --prefix "$prefix" --devices "$devices" --mqtt-port "$mqtt" --amqp-port "$amqp" \
        --transports mqtt,amqp "$@" >"$folder/$prefix.log" 2>&1 &
    processes+=($!)
    await 300 "$devices devices to be known" at_least "$devices" "deviceId != ''"
}
