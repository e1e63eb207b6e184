#pragma once

#include "base/time.h"
#include "provisioning/allocation.h"
#include "provisioning/hubs/link.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace twinhub::provisioning {

// All hubs that devices can be assigned to: the names of the own one, and those that are linked;
// with how many devices registrations have put there, and how many the foreign ones said they have.
// Safe on any thread.
class Links {
public:
    explicit Links(std::vector<LinkedHub> own) : own_(std::move(own)) {}

    void put(HubLink link);
    void remove(std::string_view host);
    std::shared_ptr<const HubLink> find(std::string_view host) const;  // a foreign one, or nothing
    bool is_own(std::string_view host) const;
    std::size_t size() const;  // of the foreign ones

    std::vector<LinkedHub> hubs() const;  // all, with what registrations have put there
    std::vector<std::string> hosts() const;
    std::vector<std::shared_ptr<const HubLink>> foreign() const;  // by name

    void count(std::string_view host, std::int64_t by);

    // What a foreign hub said about its load (the own one, under no name), with what was assigned
    // since. `is_due`: it is to be asked (again), and whoever is told so does it.
    struct Load {
        std::optional<std::uint64_t> devices;
        bool is_due = false;
    };
    Load load(std::string_view host, Moment now);
    void told(std::string_view host, std::uint64_t devices, Moment now);
    void silent(std::string_view host, Moment now);

private:
    struct Told {
        std::optional<std::uint64_t> devices;
        std::int64_t assigned_then = 0;
        Moment ask_again{};
        Moment believed_until{};
    };
    std::int64_t count_of(const std::string& host) const;

    const std::vector<LinkedHub> own_;
    mutable std::mutex mutex_;
    std::unordered_map<std::string, std::shared_ptr<const HubLink>> foreign_;  // lower-case host
    std::unordered_map<std::string, std::int64_t> counts_;                     // the same
    std::unordered_map<std::string, Told> told_;                               // the same
};

}  // namespace twinhub::provisioning
