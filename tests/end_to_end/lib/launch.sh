# Sourced by the run scripts: runs a command where the hub's fixed ports are free.

# The SDKs know only ports 443 and 8883, so the tests get a network of their own when the system
# lets them: as root, or in a user namespace. Otherwise they run where they are.
launch() {
    local inside='ip link set lo up && exec "$@"'
    if [ "${TWINHUB_SHARE_NETWORK:-}" = 1 ]; then
        exec "$@"
    elif [ "$(id -u)" = 0 ] && unshare --net true 2>/dev/null; then
        exec unshare --net bash -c "$inside" launch "$@"
    elif unshare --map-root-user --net true 2>/dev/null; then
        exec unshare --map-root-user --net bash -c "$inside" launch "$@"
    else
        exec "$@"
    fi
}
