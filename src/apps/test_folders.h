#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace twinhub::apps {

// A folder for one test, gone after it.
class TemporaryFolder {
public:
    TemporaryFolder() {
        std::string name =
            (std::filesystem::temp_directory_path() / "twinhub-test-XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

// The folder of the project; build folders are somewhere below it.
inline std::filesystem::path project_folder() {
    std::filesystem::path folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    while (!std::filesystem::exists(folder / "docs" / "cli.md") && folder.has_relative_path())
        folder = folder.parent_path();
    return folder;
}

}  // namespace twinhub::apps
