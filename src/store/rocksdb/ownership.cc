#include "store/rocksdb/ownership.h"

#include "store/keys.h"
#include "store/record.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>

namespace twinhub::store {
namespace {

constexpr Format owner_record_format = 1;  // body: store format in decimal, newline, hub

Result<> sync_folder(const std::filesystem::path& folder) {
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = descriptor >= 0 && ::fsync(descriptor) == 0;
    const int error = errno;
    if (descriptor >= 0) ::close(descriptor);
    if (synced) return {};
    return failure(Code::internal,
                   "Syncing the folder " + folder.string() + " failed: " + std::strerror(error));
}

struct Owner {
    std::uint32_t format = 0;
    std::string hub;
};

Result<Owner> parse_owner(std::string_view body) {
    Owner owner;
    const char* const end = body.data() + body.size();
    const auto [stop, error] = std::from_chars(body.data(), end, owner.format);
    if (error != std::errc() || stop == end || *stop != '\n')
        return failure(Code::corrupted, "The store's own record is damaged");
    owner.hub.assign(stop + 1, end);
    return owner;
}

// A store made just now, or one whose making was cut short before anything was kept in it.
Result<bool> is_empty(const Engine& engine) {
    for (const Family family :
         {Family::identities, Family::twins, Family::changes, Family::metadata}) {
        const auto cursor = engine.scan(family, {});
        cursor->seek_first();
        if (cursor->valid()) return false;
        TRY_VOID(cursor->status());
    }
    return true;
}

}  // namespace

Result<> make_folder(const std::filesystem::path& folder) {
    std::error_code error;
    const std::filesystem::path whole = std::filesystem::absolute(folder, error).lexically_normal();
    std::vector<std::filesystem::path> parents;  // of the folders made here
    for (std::filesystem::path at = whole; !at.empty() && !std::filesystem::exists(at, error);
         at = at.parent_path())
        parents.push_back(at.parent_path());
    std::filesystem::create_directories(whole, error);
    if (error)
        return failure(Code::internal,
                       "Making the folder " + whole.string() + " failed: " + error.message());
    for (const std::filesystem::path& parent : parents) TRY_VOID(sync_folder(parent));
    return {};
}

Result<bool> holds_store(const std::filesystem::path& folder) {
    std::error_code error;
    if (std::filesystem::exists(folder / "CURRENT", error)) return true;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        const auto extension = entry.path().extension();
        if (extension == ".sst" || extension == ".log")
            return failure(Code::corrupted, "The store in " + folder.string() +
                                                " is damaged: its file CURRENT is missing");
    }
    if (error)
        return failure(Code::internal,
                       "Reading the folder " + folder.string() + " failed: " + error.message());
    return false;
}

Result<> check_families(const std::vector<std::string>& found) {
    for (const std::string& name : found) {
        bool known = name == "default";
        for (std::size_t i = 0; i < family_count; ++i)
            known = known || name == name_of(static_cast<Family>(i));
        if (!known)
            return failure(Code::not_implemented,
                           "The store was made by a newer release: it has a table " + name);
    }
    return {};
}

Result<> check_owner(Engine& engine, std::string_view hub, std::uint32_t format) {
    const std::string key = metadata_key(Area::store, "owner");
    TRY(const std::optional<std::string> stored, engine.get(Family::metadata, key));
    if (!stored) {
        TRY(const bool empty, is_empty(engine));
        if (!empty)
            return failure(Code::corrupted, "The store is damaged: it does not say whose it is");
        std::string value;
        seal(Kind::store_state, owner_record_format, key,
             std::to_string(format) + "\n" + std::string(hub), value);
        Batch batch;
        batch.put(Family::metadata, key, value);
        const Batch* batches[] = {&batch};
        return engine.commit(batches);
    }
    TRY(const Opened opened,
        open(Kind::store_state, owner_record_format, name_of(Family::metadata), key, *stored));
    TRY(const Owner owner, parse_owner(opened.body));
    if (owner.format > format)
        return failure(Code::not_implemented,
                       "The store was made by a newer release: it has format " +
                           std::to_string(owner.format) + ", this release reads up to format " +
                           std::to_string(format));
    if (owner.hub != hub)
        return failure(Code::precondition_failed, "The store belongs to the hub " + owner.hub +
                                                      ", not to " + std::string(hub));
    return {};
}

Error in_use(const std::filesystem::path& folder) {
    std::string message = "The store in " + folder.string() + " is in use by ";
    // Only asked when this process holds no lock there: closing the file would drop it.
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    const int descriptor = ::open((folder / "LOCK").c_str(), O_RDWR | O_CLOEXEC);
    const bool known = descriptor >= 0 && ::fcntl(descriptor, F_GETLK, &lock) == 0 &&
                       lock.l_type != F_UNLCK && lock.l_pid > 0;
    if (descriptor >= 0) ::close(descriptor);
    message.append(known ? "process " + std::to_string(lock.l_pid) : "another process");
    return {Code::unavailable, std::move(message), {}};
}

}  // namespace twinhub::store
