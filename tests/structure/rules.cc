#include "rules.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

namespace twinhub::structure {
namespace {

constexpr std::size_t lines_max = 600;

constexpr std::array<std::string_view, 5> pure_rooms = {"twin", "protocol", "x509", "query",
                                                        "fleet"};

// Library headers and our own that would let the world into a pure room.
constexpr std::string_view impure_headers[] = {
    "boost/asio*",        "boost/beast*", "spdlog*",    "openssl/ssl.h", "sys/*",
    "netinet/*",          "unistd.h",     "fcntl.h",    "fstream",       "filesystem",
    "iostream",           "cstdio",       "thread",     "mutex",         "shared_mutex",
    "condition_variable", "future",       "stop_token", "random",        "rocksdb*",
    "prometheus*",        "base/clock.h", "base/log.h", "base/task.h",   "base/pch_asio.h",
};

// Words that mean the outside world, wherever they stand in a pure room.
constexpr std::string_view impure_words[] = {
    "asio",
    "beast",
    "spdlog",
    "std::thread",
    "std::jthread",
    "std::mutex",
    "system_clock::now",
    "steady_clock::now",
    "high_resolution_clock",
    "random_device",
    "getenv",
    "fopen",
    "std::cout",
    "std::cerr",
    "thread_local",
};

// The only files that may touch what makes a run differ from the next. Tests are free.
struct Owner {
    std::string_view what;
    std::span<const std::string_view> words;
    std::span<const std::string_view> files;
};

constexpr std::string_view clock_words[] = {"system_clock::now", "steady_clock::now",
                                            "high_resolution_clock", "gettimeofday",
                                            "clock_gettime"};
constexpr std::string_view clock_files[] = {"base/clock.cc", "apps/simulate/*"};

constexpr std::string_view chance_words[] = {"random_device", "RAND_bytes", "RAND_priv_bytes",
                                             "std::rand",     "mt19937",    "mt19937_64"};
// OpenSSL draws the keys of certificates from its own generator; a serial number is no different.
constexpr std::string_view chance_files[] = {"base/random.cc", "apps/keys/certificate.cc",
                                             "apps/simulate/*"};

constexpr std::string_view thread_words[] = {"std::thread", "std::jthread", "std::async",
                                             "thread_pool"};
constexpr std::string_view thread_files[] = {"store/*committer*", "store/rocksdb/*", "hub/shards*",
                                             "gateway/server*", "apps/*"};

constexpr std::string_view timer_words[] = {"steady_timer", "system_timer", "deadline_timer",
                                            "high_resolution_timer"};
constexpr std::string_view timer_files[] = {"base/timer*", "base/system_timer*", "hub/shards*",
                                            "gateway/*", "apps/*"};

constexpr std::string_view socket_words[] = {"ip::tcp", "tcp::socket", "tcp::acceptor",
                                             "local::stream_protocol"};
constexpr std::string_view socket_files[] = {"gateway/*", "apps/*"};

constexpr std::string_view file_words[] = {"ifstream", "ofstream", "fstream",
                                           "fopen",    "O_RDONLY", "O_CREAT"};
constexpr std::string_view file_files[] = {"store/rocksdb/*", "gateway/server/*",
                                           "gateway/tls/*",   "gateway/sinks/line_file.cc",
                                           "apps/*",          "base/zone_files.cc"};

constexpr Owner owners[] = {
    {"the clock", clock_words, clock_files}, {"chance", chance_words, chance_files},
    {"threads", thread_words, thread_files}, {"timers", timer_words, timer_files},
    {"sockets", socket_words, socket_files}, {"files", file_words, file_files},
};

bool matches_any(std::string_view path, std::span<const std::string_view> patterns) {
    return std::ranges::any_of(patterns, [&](std::string_view p) { return matches(path, p); });
}

std::string at(const Source& source, std::size_t line) {
    return source.path + ":" + std::to_string(line + 1) + ": ";
}

bool is_pure(const Source& source) {
    return std::ranges::find(pure_rooms, source.room) != pure_rooms.end();
}

}  // namespace

Faults check_doors(const std::vector<Source>& sources, const std::vector<Room>& rooms) {
    Faults faults;
    for (const Source& source : sources) {
        const auto room = std::ranges::find(rooms, source.room, &Room::name);
        if (room == rooms.end()) {
            faults.push_back(source.path + ": the room is not in src/CMakeLists.txt");
            continue;
        }
        for (const std::string& header : source.quoted) {
            const std::string target = header.substr(0, header.find('/'));
            if (header.find("/testing/") != std::string::npos && !source.is_test())
                faults.push_back(source.path + ": only tests include \"" + header + "\"");
            if (target == source.room) continue;
            if (std::ranges::find(rooms, target, &Room::name) == rooms.end())
                faults.push_back(source.path + ": \"" + header + "\" is not written from src/");
            else if (std::ranges::find(room->may_include, target) == room->may_include.end())
                faults.push_back(source.path + ": no door from " + source.room + " to " + target +
                                 " (\"" + header + "\")");
        }
    }
    return faults;
}

Faults check_pure_rooms(const std::vector<Source>& sources) {
    Faults faults;
    for (const Source& source : sources) {
        // A test may read its tables from a file.
        if (!is_pure(source) || source.is_test()) continue;
        for (const auto* headers : {&source.quoted, &source.angled})
            for (const std::string& header : *headers)
                if (matches_any(header, impure_headers))
                    faults.push_back(source.path + ": a pure room includes " + header);
        for (const std::string_view word : impure_words)
            for (const std::size_t line : lines_with(source, word))
                faults.push_back(at(source, line) + "a pure room uses " + std::string(word));
    }
    return faults;
}

Faults check_owners(const std::vector<Source>& sources) {
    Faults faults;
    for (const Source& source : sources) {
        if (source.is_test()) continue;
        for (const Owner& owner : owners) {
            if (matches_any(source.path, owner.files)) continue;
            for (const std::string_view word : owner.words)
                for (const std::size_t line : lines_with(source, word))
                    faults.push_back(at(source, line) + std::string(word) +
                                     ": this file does not own " + std::string(owner.what) +
                                     " (tests/structure/rules.cc)");
        }
    }
    return faults;
}

Faults check_files(const std::vector<Source>& sources) {
    Faults faults;
    constexpr std::string_view context_owners[] = {"gateway/server*", "hub/shards*", "apps/*"};
    for (const Source& source : sources) {
        const bool precompiled = source.path.starts_with("base/pch");
        if (source.is_header() && !source.pragma_once && !precompiled)
            faults.push_back(source.path + ": #pragma once is missing");
        if (source.lines.size() > lines_max)
            faults.push_back(source.path + ": " + std::to_string(source.lines.size()) +
                             " lines; look for the second concept inside");
        if (!source.is_header() || source.is_test() || matches_any(source.path, context_owners))
            continue;
        for (const std::size_t line : lines_with(source, "io_context&"))
            faults.push_back(at(source, line) + "take an Executor, not an io_context&");
    }
    return faults;
}

}  // namespace twinhub::structure
