#pragma once

#include "base/result.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace twinhub::apps {

enum class Access { everybody, owner };  // who may read a file: 0644 or 0600

// Writes the whole file or leaves the old one: a temporary file beside it, synced, then renamed.
// A present file's owner is kept where we may. Errors: internal, with the path.
Result<> write_file(const std::filesystem::path& path, std::string_view text, Access access);

// Errors: not_found, internal, message_too_large; never the text.
Result<std::string> read_file(const std::filesystem::path& path);

// The same for a file with keys: refused (unauthorized) when others than its owner and its group
// may read it.
Result<std::string> read_secret_file(const std::filesystem::path& path);

}  // namespace twinhub::apps
