#!/usr/bin/env bash
# Story 2: bus cameras whose settings follow the route of the bus, without a key in a twin.
# DEVICES says how many cameras (200); the story as it was told has 5000.
# shellcheck source=lib/story.sh
. "$(dirname "$0")/lib/story.sh"
devices=${DEVICES:-200}

say "A hub, and $devices cameras"
start_hub <<'END'
drift: {pending_timeout: 20s}
END
start_fleet camera "$devices" --offline-share 0.1 --late-share 0 --refuse-share 0 --delay 300ms

say "What a camera on each route is to do: a standing configuration a route"
for route in harbour:1080p:60 airport:2160p:15 night:720p:300; do
    IFS=: read -r name resolution seconds <<<"$route"
    show configuration create --config-id "route-$name" --priority 10 \
        --target-condition "tags.route = '$name'" --content \
        "{\"deviceContent\": {\"properties.desired.camera\": {\"resolution\": \"$resolution\", \"upload\": $seconds}}}" \
        --output none
done

say "The depot assigns its buses; nobody touches a camera"
for zone in 1:harbour 2:airport 3:night 4:harbour; do
    show job create-twin-update --job-id "assign-${zone%%:*}" --query-condition "tags.zone = ${zone%%:*}" \
        --twin-patch "{\"tags\": {\"route\": \"${zone##*:}\"}}" --output none
done
await 120 "the settings to arrive" at_least $((devices * 80 / 100)) \
    "\$drift.state = 'converged'"
show query -q "SELECT tags.route AS route, properties.reported.camera.value.resolution AS resolution,
    COUNT() AS cameras FROM devices GROUP BY tags.route, properties.reported.camera.value.resolution" --output table

say "The airport buses go to the night route"
show job create-twin-update --job-id reassign --query-condition "tags.route = 'airport'" \
    --twin-patch '{"tags": {"route": "night"}}' --output none
await 120 "the new settings" at_least $((devices * 50 * 80 / 10000)) \
    "tags.route = 'night' AND properties.reported.camera.value.resolution = '720p'"
show drift summary

say "Somebody tries to put a storage key into a twin"
secret=$(printf 'Account%s=%s==' Key "$(head -c 64 /dev/urandom | base64 -w0 | cut -c1-86)")
first=$(run query -q 'SELECT TOP 1 deviceId FROM devices' --output tsv)
if run device-twin update -d "$first" --desired "{\"camera\": {\"store\": \"$secret\"}}" \
    >"$folder/refusal" 2>&1; then
    fail "the key was taken"
fi
cat "$folder/refusal"
! grep -rqaF "${secret:12:40}" "$TWINHUB_DATA" "$folder/hub.log" || fail "the key is in the store or the log"
echo "Nothing of it is in the store or in the log."
