# Sourced by the run scripts: runs a command where the hub's fixed ports are free.

# The SDKs know only ports 443, 8883 and 5671, so the tests get a network of their own when the system
# lets them: as root, or in a user namespace. Otherwise they run where they are.
# launch_namespaces may ask for more, such as --mount.
launch() {
    local inside='ip link set lo up && exec "$@"' namespaces
    read -ra namespaces <<<"--net ${launch_namespaces:-}"
    if [ "${TWINHUB_SHARE_NETWORK:-}" = 1 ]; then
        exec "$@"
    elif [ "$(id -u)" = 0 ] && unshare "${namespaces[@]}" true 2>/dev/null; then
        exec unshare "${namespaces[@]}" bash -c "$inside" launch "$@"
    elif unshare --map-root-user "${namespaces[@]}" true 2>/dev/null; then
        exec unshare --map-root-user "${namespaces[@]}" bash -c "$inside" launch "$@"
    else
        exec "$@"
    fi
}
