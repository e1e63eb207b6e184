# The rooms of the house and their one-way doors (docs/architecture.md). This table is the only
# place that says who may include whom; tests/structure reads it and checks every #include.
#
#   room(NAME  MAY_INCLUDE room...  [LINK library...]  [PCH base|asio])
#
# A room is every .cc below src/NAME except *_test.cc (its tests) and *_bench.cc.

function(room name)
    cmake_parse_arguments(ROOM "" "PCH" "MAY_INCLUDE;LINK" ${ARGN})
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc)
    set(tests ${sources})
    list(FILTER sources EXCLUDE REGEX "_(test|bench|main)\\.cc$")
    list(FILTER tests INCLUDE REGEX "_test\\.cc$")
    if(NOT sources)
        add_library(${name} INTERFACE)
        return()
    endif()

    add_library(${name} STATIC ${sources})
    target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(${name} PUBLIC ${ROOM_MAY_INCLUDE} ${ROOM_LINK})
    if(ROOM_PCH STREQUAL "asio")
        target_precompile_headers(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src/base/pch_asio.h)
    else()
        target_precompile_headers(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src/base/pch.h)
    endif()

    if(TWINHUB_TESTS AND tests)
        add_executable(${name}_tests ${tests})
        target_link_libraries(${name}_tests PRIVATE ${name} test_support)
        target_precompile_headers(${name}_tests PRIVATE ${CMAKE_SOURCE_DIR}/src/base/pch_test.h)
        add_test(NAME ${name} COMMAND ${name}_tests)
    endif()
endfunction()
