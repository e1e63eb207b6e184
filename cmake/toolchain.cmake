# g++ 12.2 miscompiles coroutines (docs/adr/0001): only clang builds twinhub.
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
    message(FATAL_ERROR "twinhub is built with clang++ 19 or newer; use a preset: cmake --preset dev")
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
    # clang cannot know that a coroutine's frame outlives its reference parameters; style.md 5 rules them.
    -Wno-missing-field-initializers)
add_compile_options($<$<CONFIG:Debug>:-D_GLIBCXX_ASSERTIONS>)
# A time stamp in the precompiled header would defeat ccache.
add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
add_link_options(-fuse-ld=mold)

if(TWINHUB_SANITIZE)
    add_compile_options(-fsanitize=${TWINHUB_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    if(TWINHUB_SANITIZE MATCHES "undefined")
        # memcpy(p, nullptr, 0) is harmless, C now allows it, and Boost.JSON does it with empty keys.
        add_compile_options(-fno-sanitize=nonnull-attribute)
    endif()
    add_link_options(-fsanitize=${TWINHUB_SANITIZE})
endif()

find_program(TWINHUB_CCACHE ccache)
if(TWINHUB_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
        CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
        CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=true ${TWINHUB_CCACHE})
endif()
