# Everything that twinhub takes from Debian 12.
find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(RocksDB REQUIRED)
set(TWINHUB_ROCKSDB RocksDB::rocksdb)
if(TWINHUB_SANITIZE MATCHES "thread")
    # As a library of its own ThreadSanitizer can tell its memory accesses from ours, and ignore them
    # (script/test): it is not instrumented, so the atomics that order them are not seen.
    set(TWINHUB_ROCKSDB RocksDB::rocksdb-shared)
endif()
find_package(prometheus-cpp REQUIRED CONFIG)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(ZLIB REQUIRED)

# Debian's Qpid Proton comes with a pkg-config file only.
find_path(PROTON_INCLUDE_DIR proton/connection_driver.h REQUIRED)
find_library(PROTON_LIBRARY qpid-proton REQUIRED)
add_library(proton::proton UNKNOWN IMPORTED)
set_target_properties(proton::proton PROPERTIES
    IMPORTED_LOCATION ${PROTON_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${PROTON_INCLUDE_DIR})

# Debian's librdkafka and libmosquitto come with pkg-config files only.
find_path(RDKAFKA_INCLUDE_DIR librdkafka/rdkafka.h REQUIRED)
find_library(RDKAFKA_LIBRARY rdkafka REQUIRED)
add_library(rdkafka::rdkafka UNKNOWN IMPORTED)
set_target_properties(rdkafka::rdkafka PROPERTIES
    IMPORTED_LOCATION ${RDKAFKA_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${RDKAFKA_INCLUDE_DIR})
find_path(MOSQUITTO_INCLUDE_DIR mosquitto.h REQUIRED)
find_library(MOSQUITTO_LIBRARY mosquitto REQUIRED)
add_library(mosquitto::mosquitto UNKNOWN IMPORTED)
set_target_properties(mosquitto::mosquitto PROPERTIES
    IMPORTED_LOCATION ${MOSQUITTO_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${MOSQUITTO_INCLUDE_DIR})

# Debian's RE2 comes without a CMake package.
find_path(RE2_INCLUDE_DIR re2/re2.h REQUIRED)
find_library(RE2_LIBRARY re2 REQUIRED)
add_library(re2::re2 UNKNOWN IMPORTED)
set_target_properties(re2::re2 PROPERTIES
    IMPORTED_LOCATION ${RE2_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${RE2_INCLUDE_DIR})
find_package(absl REQUIRED CONFIG)
find_package(roaring REQUIRED CONFIG)

# Boost comes as headers; its compiled parts are built once, in base (style: compile times).
add_compile_definitions(
    BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
    BOOST_BEAST_SEPARATE_COMPILATION BOOST_JSON_NO_LIB BOOST_JSON_STATIC_LINK)
