# The Debian 12 packages that building and testing need, installed when they are missing.

packages_build="binutils clang-19 cmake libc6-dev libstdc++-12-dev mold ninja-build
    libabsl-dev libboost1.81-dev libcli11-dev libfmt-dev libmosquitto-dev libqpid-proton11-dev librdkafka-dev
    libre2-dev libroaring-dev librocksdb-dev
    libspdlog-dev libssl-dev libyaml-cpp-dev prometheus-cpp-dev zlib1g-dev"
packages_test="ccache clang-format-19 clang-tidy-19 curl iproute2 libbenchmark-dev libclang-rt-19-dev
    libgmock-dev libgtest-dev librapidcheck-dev llvm-19 mosquitto openssl procps python3 python3-paho-mqtt swtpm tzdata
    util-linux"
packages_node="nodejs npm"
packages_deb="binutils dpkg-dev fakeroot file"

# require_packages NAME...: returns when all are there; says what to do when they cannot be.
require_packages() {
    local missing=() name as_root=()
    for name in "$@"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed || missing+=("$name")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "These Debian packages are missing; install them as root: ${missing[*]}" >&2
            return 1
        fi
        as_root=(sudo)
    fi
    echo "Installing ${missing[*]}" >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq update </dev/null >&2 || true
    if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install -y --no-install-recommends "${missing[@]}" </dev/null >&2; then
        echo "Some packages could not be installed; twinhub builds on Debian 12 (12.9 or newer)." >&2
        return 1
    fi
}

# Debian's Node.js, unless another one is there already.
require_node() {
    command -v node >/dev/null && command -v npm >/dev/null && return 0
    # shellcheck disable=SC2086
    require_packages $packages_node
}
