#!/usr/bin/env bash
# Story 3: construction machines with a radio that comes and goes. Offline is not failed, and an
# auditor can prove who set what.
# shellcheck source=lib/story.sh
. "$(dirname "$0")/lib/story.sh"
devices=${DEVICES:-40}

say "A hub, and $devices machines of which many are away"
start_hub <<'END'
drift: {pending_timeout: 15s}
END
start_fleet machine "$devices" --offline-share 0.4 --late-share 0.1 --refuse-share 0.1 --delay 500ms
await 120 "the machines to say what they are" \
    at_least $((devices * 9 / 10)) \
    "IS_DEFINED(properties.reported.firmware)"

say "Maintenance sets a threshold on all of them, and one that some refuse"
show job create-twin-update --job-id thresholds --all-devices \
    --twin-patch '{"properties": {"desired": {"pressure": 220, "setpoint": 24, "firmware": "3.1.0"}}}' \
    --output none
await 180 "most machines to answer" at_least $((devices / 3)) \
    "\$drift.state = 'converged'"
show drift summary

say "For any machine, one command tells whether a technician has to go"
for state in offline pending rejected converged; do
    machine=$(run query -q "SELECT TOP 1 deviceId FROM devices WHERE \$drift.state = '$state'" --output tsv)
    [ -n "$machine" ] || continue
    show drift explain --device-id "$machine"
done

say "An auditor: who set the pressure, and when it took effect on which machine"
run ledger key >"$folder/hub.pub"
show ledger export --path pressure --file "$folder/pressure.ndjson"
sed -n '2,4p' "$folder/pressure.ndjson"
show ledger verify --file "$folder/pressure.ndjson" --key-file "$folder/hub.pub"

say "The same after somebody changed one digit"
sed -i 's/"after":220/"after":240/' "$folder/pressure.ndjson"
! show ledger verify --file "$folder/pressure.ndjson" --key-file "$folder/hub.pub" ||
    fail "the alteration was not seen"
