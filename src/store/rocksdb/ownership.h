#pragma once

#include "store/engine.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::store {

// Makes the folder, and its entry in its parent, durable. Errors: internal.
Result<> make_folder(const std::filesystem::path& folder);

// True when a store was made in `folder` before. Errors: corrupted when data is there but what says
// how it hangs together is gone: a fresh store on top would hide it.
Result<bool> holds_store(const std::filesystem::path& folder);

// Refuses tables that this release does not know: a newer release made them.
Result<> check_families(const std::vector<std::string>& found);

// Compares the store's own record (format and hub) with what is wanted, and writes it into a new
// store. Errors: not_implemented (newer release), precondition_failed (another hub), corrupted.
Result<> check_owner(Engine& engine, std::string_view hub, std::uint32_t format);

// What to say when the folder's lock is taken; names the process when the system knows it.
Error in_use(const std::filesystem::path& folder);

}  // namespace twinhub::store
