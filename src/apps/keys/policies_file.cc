#include "apps/keys/policies_file.h"

#include "apps/keys/secret_file.h"
#include "base/encoding.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

namespace twinhub::apps {
namespace {

constexpr std::size_t policy_key_bytes = 32;
constexpr std::size_t key_bytes_min = 16, key_bytes_max = 64;
constexpr std::string_view file_head =
    "# The shared access policies of this hub and their keys. Keep this file to yourself.\n"
    "# Renew a key with: twinhub hub policy renew-key --policy-name NAME --kt primary\n"
    "# After a change by hand: kill -HUP the server.\n";

struct RightName {
    std::string_view name;
    hub::Right right;
};
constexpr RightName right_names[] = {{"registryRead", hub::Right::registry_read},
                                     {"registryWrite", hub::Right::registry_write},
                                     {"serviceConnect", hub::Right::service_connect},
                                     {"deviceConnect", hub::Right::device_connect},
                                     {"serviceConfig", hub::Right::provisioning_config},
                                     {"enrollmentRead", hub::Right::enrollment_read},
                                     {"enrollmentWrite", hub::Right::enrollment_write},
                                     {"registrationStatusRead", hub::Right::registration_read},
                                     {"registrationStatusWrite", hub::Right::registration_write}};

constexpr std::string_view first_policies[] = {
    "iothubowner",  "service",           "device",
    "registryRead", "registryReadWrite", "provisioningserviceowner"};

// Collects what is wrong with a file. No message may quote a value: it could be a key.
struct Mistakes {
    std::string_view file;
    std::string text;

    void add(const YAML::Node& node, std::string_view what) {
        text +=
            fmt::format("{}{}:{}: {}", text.empty() ? "" : "\n", file, node.Mark().line + 1, what);
    }
};

bool is_policy_name(std::string_view name) {
    return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.';
    });
}

hub::Rights read_rights(const YAML::Node& node, const std::string& name, Mistakes& mistakes) {
    hub::Rights rights = 0;
    if (!node.IsSequence() || node.size() == 0) {
        mistakes.add(node, name + ".rights must be a list of rights");
        return rights;
    }
    for (const YAML::Node& item : node) {
        const auto found = std::ranges::find_if(right_names, [&](const RightName& right) {
            return item.IsScalar() && equals_ignoring_case(right.name, item.Scalar());
        });
        if (found != std::end(right_names))
            rights = static_cast<hub::Rights>(rights | static_cast<hub::Rights>(found->right));
        else
            mistakes.add(item, name +
                                   ".rights: a right is registryRead, registryWrite, "
                                   "serviceConnect, deviceConnect, serviceConfig, enrollmentRead, "
                                   "enrollmentWrite, registrationStatusRead or "
                                   "registrationStatusWrite");
    }
    return rights;
}

std::string read_key(const YAML::Node& node, const std::string& name, Mistakes& mistakes) {
    const auto bytes = node.IsScalar() ? base64_decode(node.Scalar()) : std::nullopt;
    if (!bytes || bytes->size() < key_bytes_min || bytes->size() > key_bytes_max) {
        mistakes.add(node, name + " must be base64 of 16 to 64 bytes");
        return {};
    }
    return node.Scalar();
}

hub::Policy read_policy(const std::string& name, const YAML::Node& node, Mistakes& mistakes) {
    hub::Policy policy{.name = name};
    bool has_rights = false;
    if (!node.IsMap()) {
        mistakes.add(node, name + " must have rights, primaryKey and secondaryKey");
        return policy;
    }
    for (const auto& member : node) {
        const std::string word = member.first.IsScalar() ? member.first.Scalar() : "";
        if (word == "rights") {
            policy.rights = read_rights(member.second, name, mistakes);
            has_rights = true;
        } else if (word == "primaryKey") {
            policy.primary_key = read_key(member.second, name + ".primaryKey", mistakes);
        } else if (word == "secondaryKey") {
            policy.secondary_key = read_key(member.second, name + ".secondaryKey", mistakes);
        } else {
            mistakes.add(member.first,
                         name + " has a member that is not rights, primaryKey or secondaryKey");
        }
    }
    if (!has_rights) mistakes.add(node, name + ".rights is missing");
    if (!node["primaryKey"]) mistakes.add(node, name + ".primaryKey is missing");
    if (!node["secondaryKey"]) mistakes.add(node, name + ".secondaryKey is missing");
    return policy;
}

std::vector<hub::Policy> read_all(const YAML::Node& root, Mistakes& mistakes) {
    std::vector<hub::Policy> policies;
    const YAML::Node list = root.IsMap() ? root["policies"] : YAML::Node(YAML::NodeType::Undefined);
    if (!list || !list.IsMap() || root.size() != 1 || list.size() == 0) {
        mistakes.add(root, "must be 'policies:' and the policies by name");
        return policies;
    }
    for (const auto& member : list) {
        const std::string name = member.first.IsScalar() ? member.first.Scalar() : "";
        const bool is_known = std::ranges::any_of(policies, [&](const hub::Policy& policy) {
            return equals_ignoring_case(policy.name, name);
        });
        if (!is_policy_name(name))
            mistakes.add(member.first,
                         "the name of a policy is 1 to 64 letters, digits, '-', '_' or '.'");
        else if (is_known) mistakes.add(member.first, name + " is there twice");
        else policies.push_back(read_policy(name, member.second, mistakes));
    }
    return policies;
}

}  // namespace

std::vector<hub::Policy> new_policies(Random& random) {
    std::vector<hub::Policy> policies;
    for (const std::string_view name : first_policies) {
        policies.push_back({.name = std::string(name),
                            .rights = hub::default_rights(name),
                            .primary_key = random.key(policy_key_bytes),
                            .secondary_key = random.key(policy_key_bytes)});
    }
    return policies;
}

Result<std::vector<hub::Policy>> parse_policies(std::string_view text, std::string_view file_name) {
    Mistakes mistakes{file_name, {}};
    std::vector<hub::Policy> policies;
    try {
        const YAML::Node root = YAML::Load(std::string(text));
        policies = read_all(root, mistakes);
    } catch (const YAML::Exception& error) {
        return failure(Code::format_invalid,
                       fmt::format("{}:{}: is not YAML", file_name, error.mark.line + 1));
    }
    if (!mistakes.text.empty()) return failure(Code::format_invalid, std::move(mistakes.text));
    return policies;
}

std::string to_yaml(const std::vector<hub::Policy>& policies) {
    std::string out(file_head);
    out += "policies:\n";
    for (const hub::Policy& policy : policies) {
        out += fmt::format("  {}:\n    rights: [", policy.name);
        bool first = true;
        for (const RightName& right : right_names) {
            if ((policy.rights & static_cast<hub::Rights>(right.right)) == 0) continue;
            out += first ? "" : ", ";
            out += right.name;
            first = false;
        }
        out += fmt::format("]\n    primaryKey: \"{}\"\n    secondaryKey: \"{}\"\n",
                           policy.primary_key, policy.secondary_key);
    }
    return out;
}

Result<std::vector<hub::Policy>> read_policies(const std::filesystem::path& file) {
    TRY(const std::string text, read_secret_file(file));
    return parse_policies(text, file.string());
}

Result<> write_policies(const std::filesystem::path& file,
                        const std::vector<hub::Policy>& policies) {
    return write_file(file, to_yaml(policies), Access::owner);
}

Result<hub::Policies> load_policies(const std::filesystem::path& file) {
    TRY(std::vector<hub::Policy> policies, read_policies(file));
    return hub::Policies(std::move(policies));
}

std::string rights_text(hub::Rights rights) {
    std::string out;
    for (const RightName& right : right_names) {
        if ((rights & static_cast<hub::Rights>(right.right)) == 0) continue;
        out += out.empty() ? "" : ", ";
        out += static_cast<char>(right.name[0] - 'a' + 'A');
        out += right.name.substr(1);
    }
    return out;
}

Result<hub::Policy> renew_policy_key(const std::filesystem::path& file,
                                     std::string_view policy_name, KeyChoice choice,
                                     Random& random) {
    // Two renewals at a time must not undo one another; the file itself is replaced, so lock its
    // folder.
    const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
    const int lock = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock >= 0) ::flock(lock, LOCK_EX);
    const std::shared_ptr<void> unlock(nullptr, [lock](void*) {
        if (lock >= 0) ::close(lock);
    });

    TRY(std::vector<hub::Policy> policies, read_policies(file));
    const auto policy = std::ranges::find_if(
        policies, [&](const hub::Policy& p) { return equals_ignoring_case(p.name, policy_name); });
    if (policy == policies.end())
        return failure(Code::not_found,
                       fmt::format("there is no policy '{}' in '{}'", policy_name, file.string()));
    if (choice == KeyChoice::swap) std::swap(policy->primary_key, policy->secondary_key);
    if (choice == KeyChoice::primary || choice == KeyChoice::both)
        policy->primary_key = random.key(policy_key_bytes);
    if (choice == KeyChoice::secondary || choice == KeyChoice::both)
        policy->secondary_key = random.key(policy_key_bytes);
    TRY_VOID(write_policies(file, policies));
    return *policy;
}

}  // namespace twinhub::apps
