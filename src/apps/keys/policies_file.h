#pragma once

#include "base/random.h"
#include "base/result.h"
#include "hub/access.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace twinhub::apps {

// policies.yaml: the hub's shared access policies with their keys (spec device-protocols 6.3).
//
//   policies:
//     iothubowner:
//       rights: [registryRead, registryWrite, serviceConnect, deviceConnect]
//       primaryKey: <base64>
//       secondaryKey: <base64>

// The policies of a new hub, each with two random 32-byte keys.
std::vector<hub::Policy> new_policies(Random& random);

// Errors: format_invalid with all mistakes, a line each, and never a key.
Result<std::vector<hub::Policy>> parse_policies(std::string_view text, std::string_view file_name);
std::string to_yaml(const std::vector<hub::Policy>& policies);

// Errors: as read_secret_file and parse_policies.
Result<std::vector<hub::Policy>> read_policies(const std::filesystem::path& file);
Result<> write_policies(const std::filesystem::path& file,
                        const std::vector<hub::Policy>& policies);
Result<hub::Policies> load_policies(const std::filesystem::path& file);

// "RegistryRead, ServiceConnect".
std::string rights_text(hub::Rights rights);

enum class KeyChoice : std::uint8_t { primary, secondary, both, swap };

// Gives one policy of the file new keys, or swaps them. A running server reads the file on SIGHUP.
// Errors: not_found.
Result<hub::Policy> renew_policy_key(const std::filesystem::path& file, std::string_view policy,
                                     KeyChoice choice, Random& random);

}  // namespace twinhub::apps
