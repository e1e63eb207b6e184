# What is installed, and the Debian package (script/package).
if(NOT TARGET twinhub)
    return()
endif()

include(GNUInstallDirs)
install(TARGETS twinhub RUNTIME DESTINATION bin)
install(FILES README.md CHANGELOG.md docs/architecture.md docs/glossary.md DESTINATION share/doc/twinhub)
install(FILES packaging/debian/copyright DESTINATION share/doc/twinhub)
install(FILES packaging/twinhub.service DESTINATION /lib/systemd/system)
install(FILES packaging/twinhub.yaml DESTINATION /etc/twinhub)
file(GLOB documents ${CMAKE_SOURCE_DIR}/docs/configuration.md ${CMAKE_SOURCE_DIR}/docs/benchmarks.md
     ${CMAKE_SOURCE_DIR}/docs/cli.md ${CMAKE_SOURCE_DIR}/docs/operations.md)
install(FILES ${documents} DESTINATION share/doc/twinhub)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME twinhub)
set(CPACK_PACKAGE_VENDOR twinhub)
set(CPACK_PACKAGE_CONTACT "the twinhub contributors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "device-twin hub that speaks Azure IoT Hub's protocols")
set(CPACK_PACKAGE_DESCRIPTION
    "twinhub keeps a JSON twin for every device of a fleet (tags, desired and reported properties)
and moves changes between operators and devices, durably. Microsoft's SDKs and command line work
with it unmodified, over MQTT, MQTT over WebSocket and REST.")

set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_DEPENDS adduser)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${CMAKE_SOURCE_DIR}/packaging/debian/postinst ${CMAKE_SOURCE_DIR}/packaging/debian/prerm
    ${CMAKE_SOURCE_DIR}/packaging/debian/postrm ${CMAKE_SOURCE_DIR}/packaging/debian/conffiles)
include(CPack)
