# Four precompiled headers serve every target: reading them costs more than compiling most files,
# so a room must not build its own. All targets share the definitions that these headers see.

add_library(precompiled_flags INTERFACE)
target_include_directories(precompiled_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_link_libraries(precompiled_flags INTERFACE
    OpenSSL::Crypto spdlog::spdlog fmt::fmt Threads::Threads prometheus-cpp::core)

# The target that builds the header's precompiled form; `header` is below src/base.
function(precompiled_header name header)
    file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/precompiled/${name}.cc CONTENT "// Only carries the precompiled header.\n")
    add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/precompiled/${name}.cc)
    target_link_libraries(${name} PRIVATE precompiled_flags ${ARGN})
    target_precompile_headers(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src/base/${header})
endfunction()

precompiled_header(pch_base pch.h)
precompiled_header(pch_asio pch_asio.h)
if(TWINHUB_TESTS)
    find_package(GTest REQUIRED)
    find_package(rapidcheck REQUIRED)
    add_custom_target(unit_tests)
    add_library(test_support INTERFACE)
    target_link_libraries(test_support INTERFACE
        GTest::gmock GTest::gtest GTest::gtest_main rapidcheck rapidcheck_gtest)
    precompiled_header(pch_test pch_test.h test_support)
    precompiled_header(pch_test_asio pch_test_asio.h test_support)
endif()

# Gives `target` one of them: "" or base, asio, test_ or test_base, test_asio.
function(precompiled target kind)
    if(kind STREQUAL "asio")
        target_precompile_headers(${target} REUSE_FROM pch_asio)
    elseif(kind STREQUAL "test_asio")
        target_precompile_headers(${target} REUSE_FROM pch_test_asio)
    elseif(kind MATCHES "^test_")
        target_precompile_headers(${target} REUSE_FROM pch_test)
    else()
        target_precompile_headers(${target} REUSE_FROM pch_base)
    endif()
endfunction()
