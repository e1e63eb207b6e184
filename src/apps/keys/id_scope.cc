#include "apps/keys/id_scope.h"

#include "apps/keys/secret_file.h"

#include <fmt/format.h>

#include <algorithm>

namespace twinhub::apps {
namespace {

constexpr std::size_t scope_characters_max = 64;

}  // namespace

bool is_id_scope(std::string_view text) {
    return !text.empty() && text.size() <= scope_characters_max &&
           std::ranges::all_of(text, [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
           });
}

Result<bool> ensure_id_scope(const Config& config, Random& random) {
    std::error_code ignored;
    if (!config.provisioning_enabled || !config.provisioning_id_scope.empty() ||
        std::filesystem::exists(config.id_scope_path(), ignored))
        return false;
    std::string digits = random.hex(4);
    std::ranges::transform(digits, digits.begin(),
                           [](char c) { return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; });
    TRY_VOID(write_file(config.id_scope_path(), "0ne" + digits + "\n", Access::everybody));
    return true;
}

Result<std::string> read_id_scope(const Config& config) {
    std::string scope = config.provisioning_id_scope;
    if (scope.empty()) {
        TRY(scope, read_file(config.id_scope_path()));
        while (scope.ends_with('\n') || scope.ends_with('\r') || scope.ends_with(' '))
            scope.pop_back();
    }
    if (is_id_scope(scope)) return scope;
    return failure(
        Code::format_invalid,
        fmt::format("the id scope in '{}' must be 1 to 64 letters and digits",
                    config.provisioning_id_scope.empty() ? config.id_scope_path().string()
                                                         : "provisioning.id_scope"));
}

}  // namespace twinhub::apps
