#include "incm/inbox/sqlite/inbox_file.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "incm/base/result.h"
#include "incm/inbox/sqlite/disk_trouble.h"
#include "incm/inbox/sqlite/schema.h"

namespace incm::inbox::sqlite {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHeaderBytes = 100;
constexpr std::string_view kMagic("SQLite format 3\0", 16);
constexpr std::size_t kUserVersionOffset = 60;
constexpr std::size_t kApplicationIdOffset = 68;

[[noreturn]] void fail(base::ErrorCode code, const std::string& text) {
    throw base::Failure({code, text});
}

/// Throw the failure for the current errno.
[[noreturn]] void fail_by_system(const std::string& text) {
    const int reason = errno;
    throw start_failure(reason, text + ": " + std::strerror(reason));
}

/// The parts of a file under construction, and the files that SQLite and a check put beside it.
constexpr std::array kUnfinished = {"", "-wal", "-shm", "-journal", ".check"};

std::uint32_t big_endian(const std::array<unsigned char, kHeaderBytes>& header, std::size_t at) {
    return static_cast<std::uint32_t>(header[at]) << 24 |
           static_cast<std::uint32_t>(header[at + 1]) << 16 |
           static_cast<std::uint32_t>(header[at + 2]) << 8 |
           static_cast<std::uint32_t>(header[at + 3]);
}

}  // namespace

void sync(const std::string& path, int flags) {
    const Descriptor file(path, flags);
    if (file.get() < 0 || fsync(file.get()) != 0) {
        fail_by_system("cannot write " + path + " to disk");
    }
}

void remove_unfinished(const std::string& path) {
    for (const char* suffix : kUnfinished) {
        const std::string name = path + suffix;
        if (unlink(name.c_str()) != 0 && errno != ENOENT) {
            fail_by_system("cannot remove " + name + ", left by an earlier start");
        }
    }
}

void give_up_unfinished(const std::string& path) noexcept {
    for (const char* suffix : kUnfinished) {
        unlink((path + suffix).c_str());
    }
}

void check_identity(const std::string& path) {
    std::array<unsigned char, kHeaderBytes> header{};
    ssize_t size = 0;
    {
        const Descriptor file(path, O_RDONLY);
        size = file.get() < 0 ? -1 : read(file.get(), header.data(), header.size());
    }
    if (size < 0) {
        fail_by_system("cannot read the inbox " + path);
    }
    if (static_cast<std::size_t>(size) < kHeaderBytes ||
        std::memcmp(header.data(), kMagic.data(), kMagic.size()) != 0 ||
        big_endian(header, kApplicationIdOffset) != kApplicationId) {
        fail(base::ErrorCode::kInboxForeign,
             path + (size == 0 ? " is an empty file" : " is not an inbox of this program") +
                 ": name another path, or move the file away");
    }
    // The version is a signed number in SQLite; this program never wrote a negative one.
    const auto version = big_endian(header, kUserVersionOffset);
    if (version > schema_version()) {
        throw newer_inbox(path, version);
    }
}

namespace {

/// Resolve links, even if the last one leads to a file that does not exist yet: a file in the place
/// of the link would hide the intended file on a disk that is not mounted yet.
fs::path without_links(const fs::path& path, std::error_code& error) {
    fs::path absolute = fs::weakly_canonical(path, error);
    std::error_code not_there;
    while (!error && fs::is_symlink(fs::symlink_status(absolute, not_there))) {
        const fs::path target = fs::read_symlink(absolute, error);
        absolute = fs::weakly_canonical(absolute.parent_path() / target, error);
    }
    return absolute;
}

}  // namespace

std::string resolve(const std::string& path) {
    std::error_code error;
    const fs::path absolute = without_links(fs::absolute(path, error), error);
    if (error) {
        throw start_failure(error.value(),
                            "cannot use the inbox path " + path + ": " + error.message());
    }
    const bool has_folder = fs::is_directory(absolute.parent_path(), error);
    if (is_of_disk(error.value())) {
        throw start_failure(error.value(), "cannot reach the folder " +
                                               absolute.parent_path().string() +
                                               " of the inbox: " + error.message());
    }
    if (!has_folder) {
        fail(base::ErrorCode::kInboxUnusable, "the folder " + absolute.parent_path().string() +
                                                  " of the inbox does not exist: create it");
    }
    const fs::file_status status = fs::status(absolute, error);
    if (fs::exists(status) && !fs::is_regular_file(status)) {
        fail(base::ErrorCode::kInboxUnusable,
             absolute.string() + " is not a file: name a file for the inbox");
    }
    return absolute.string();
}

std::string check_marker(const std::string& path) {
    return path + ".check";
}

void ask_for_check(const std::string& path) noexcept {
    const Descriptor marker(check_marker(path), O_WRONLY | O_CREAT);
    if (marker.get() >= 0) {
        fsync(marker.get());
    }
}

}  // namespace incm::inbox::sqlite
