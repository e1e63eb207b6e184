#!/usr/bin/env bash
# Story 1: new firmware for greenhouses, zone by zone, as rollouts that stop by themselves.
# DEVICES says how many sensors (240); the story as it was told has 2400.
# shellcheck source=lib/story.sh
. "$(dirname "$0")/lib/story.sh"
devices=${DEVICES:-240}

say "A hub, and $devices sensors of which nobody knows the firmware"
start_hub <<'END'
drift: {pending_timeout: 20s}
END
start_fleet greenhouse "$devices" --offline-share 0.01 --late-share 0.1 --refuse-share 0.01 --delay 1s
await 120 "the sensors to tell their firmware" \
    at_least $((devices * 95 / 100)) \
    "IS_DEFINED(properties.reported.firmware.value)"
show query -q "SELECT properties.reported.firmware.value AS firmware, COUNT() AS sensors FROM devices
    GROUP BY properties.reported.firmware.value" --output table

for zone in 1 2 3 4; do
    say "Zone $zone: what would be changed, then the first fifth of it, then the rest"
    show rollout plan --name "firmware-zone-$zone" --target "tags.zone = $zone" \
        --desired '{"firmware": "2.0.0", "mode": "eco"}' --waves 20% rest \
        --converged-at-least 90% --rejected-at-most 10% --offline-allowance 10% --timeout 2m --save
    show rollout start --name "firmware-zone-$zone" --reason "seasonal update"
    show rollout status --name "firmware-zone-$zone" --watch
done

say "Who has it, by the hub's own count and by a count over the documents"
show drift summary
by_state=$(count "\$drift.state = 'converged'")
by_document=$(count "properties.reported.firmware.value = '2.0.0' AND properties.reported.mode.value = 'eco'")
echo "converged $by_state, on the new firmware $by_document, of $devices"
[ "$by_state" -eq "$by_document" ] || fail "the counts differ"
[ $((by_state * 100)) -ge $((devices * 95)) ] || fail "too few sensors have converged"

say "The others, each with its reason; nobody had to look at one by one"
show query -q "SELECT deviceId, \$drift.state AS state, \$drift.words AS words, tags.site AS site,
    tags.zone AS zone FROM devices WHERE \$drift.state != 'converged' ORDER BY deviceId" --output table
