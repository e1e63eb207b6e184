#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace twinhub::hub {

// What a service asks a device to do.
struct MethodCall {
    std::string name;
    std::string payload = "null";               // JSON
    std::chrono::seconds response_timeout{30};  // 5 to 300, from the moment it goes out
    std::chrono::seconds connect_timeout{0};    // 0 to 300, not above the other
    // Asked about ten times a second, on any loop: false when nobody waits for the answer any more.
    std::function<bool()> wanted = [] { return true; };
};

struct MethodResult {
    int status = 0;                // as the device's own code says
    std::string payload = "null";  // JSON
};

// Which methods a link takes.
struct TakenMethods {
    bool all = false;
    std::vector<std::string> names;  // further ones, sorted

    bool none() const { return !all && names.empty(); }
    friend bool operator==(const TakenMethods&, const TakenMethods&) = default;
};

}  // namespace twinhub::hub
