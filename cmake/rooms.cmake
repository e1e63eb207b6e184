# The rooms of the house and their one-way doors (docs/architecture.md). This table is the only
# place that says who may include whom; tests/structure reads it and checks every #include.
#
#   room(NAME  MAY_INCLUDE room...  [LINK library...]  [PCH base|asio])
#
# A room is every .cc below src/NAME, except *_test.cc (they are NAME_tests), *_main.cc (programs) and
# folders testing/: a library NAME_testing, which the tests of the rooms above may use, too.

include(${CMAKE_CURRENT_LIST_DIR}/precompiled.cmake)

function(room name)
    cmake_parse_arguments(ROOM "" "PCH" "MAY_INCLUDE;LINK" ${ARGN})
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc)
    set(tests ${sources})
    set(testing ${sources})
    list(FILTER testing INCLUDE REGEX "/testing/")
    list(FILTER sources EXCLUDE REGEX "(_test|_main|/apps/twinhub)\\.cc$|/testing/")
    list(FILTER tests INCLUDE REGEX "_test\\.cc$")
    if(NOT sources)
        # Headers only, so far.
        add_library(${name} INTERFACE)
        target_include_directories(${name} INTERFACE ${CMAKE_SOURCE_DIR}/src)
        target_link_libraries(${name} INTERFACE ${ROOM_MAY_INCLUDE} ${ROOM_LINK})
    else()
        add_library(${name} STATIC ${sources})
        target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
        target_link_libraries(${name} PUBLIC ${ROOM_MAY_INCLUDE} ${ROOM_LINK})
        precompiled(${name} "${ROOM_PCH}")
    endif()

    if(TWINHUB_TESTS AND testing)
        add_library(${name}_testing STATIC EXCLUDE_FROM_ALL ${testing})
        target_link_libraries(${name}_testing PUBLIC ${name} test_support)
        target_compile_definitions(${name}_testing PRIVATE TWINHUB_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
        precompiled(${name}_testing "test_${ROOM_PCH}")
    endif()
    if(TWINHUB_TESTS AND tests)
        add_executable(${name}_tests ${tests})
        target_link_libraries(${name}_tests PRIVATE ${name} test_support)
        foreach(helper IN LISTS name ROOM_MAY_INCLUDE)
            if(TARGET ${helper}_testing)
                target_link_libraries(${name}_tests PRIVATE ${helper}_testing)
            endif()
        endforeach()
        precompiled(${name}_tests "test_${ROOM_PCH}")
        add_test(NAME ${name} COMMAND ${name}_tests)
        add_dependencies(unit_tests ${name}_tests)
    endif()
endfunction()

# The rooms that `file` includes from, for what stands outside the house: fuzz targets, benchmarks.
function(rooms_of file result)
    file(STRINGS ${file} lines REGEX "^#include \"[a-z0-9_]+/")
    set(rooms)
    foreach(line IN LISTS lines)
        string(REGEX REPLACE "^#include \"([a-z0-9_]+)/.*" "\\1" room "${line}")
        if(TARGET ${room})
            list(APPEND rooms ${room})
        endif()
    endforeach()
    list(REMOVE_DUPLICATES rooms)
    set(${result} ${rooms} PARENT_SCOPE)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
endfunction()

# The binary. Its main file may be src/apps/twinhub.cc or twinhub_main.cc; nothing until it exists.
function(program_twinhub)
    file(GLOB main CONFIGURE_DEPENDS
        ${CMAKE_SOURCE_DIR}/src/apps/twinhub.cc ${CMAKE_SOURCE_DIR}/src/apps/twinhub_main.cc)
    if(NOT main)
        return()
    endif()
    add_executable(twinhub ${main})
    target_link_libraries(twinhub PRIVATE apps)
    precompiled(twinhub asio)
endfunction()
