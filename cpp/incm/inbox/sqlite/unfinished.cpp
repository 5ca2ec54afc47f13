#include "incm/inbox/sqlite/unfinished.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "incm/base/bytes.h"
#include "incm/base/result.h"

namespace incm::inbox::sqlite {

namespace {

namespace fs = std::filesystem;

base::Failure failure(const std::string& text) {
    return base::Failure({base::ErrorCode::kMalformedRequest, text});
}

std::string reason() {
    return std::strerror(errno);
}

std::string folder_of(const std::string& file) {
    return fs::path(file).parent_path().string();
}

bool is_regular(int descriptor) {
    struct stat facts {};
    return descriptor >= 0 && fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode);
}

void remove_all(const std::string& path) {
    for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
        unlink((path + suffix).c_str());
    }
}

std::int64_t bytes_on_disk(int descriptor) {
    struct stat facts {};
    return fstat(descriptor, &facts) == 0 ? facts.st_blocks * 512 : 0;
}

/// Visit only files that this user may write and that no process has locked.
void visit_left_over(const std::string& folder,
                     const std::function<void(const std::string&, int)>& visit) {
    std::error_code error;
    for (fs::directory_iterator one(folder, error), end; !error && one != end;
         one.increment(error)) {
        const std::string name = one->path().string();
        if (!name.ends_with(UnfinishedFile::kSuffix)) {
            continue;
        }
        const Descriptor left(name, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
        if (is_regular(left.get()) && flock(left.get(), LOCK_EX | LOCK_NB) == 0) {
            visit(name, left.get());
        }
    }
}

/// Returns the path, so that the new file is created after the removal of the old ones.
std::string name_for(const std::string& file, base::LogSink& log) {
    UnfinishedFile::remove_left_over(file, log);
    return file + UnfinishedFile::kSuffix;
}

}  // namespace

void UnfinishedFile::remove_left_over(const std::string& file, base::LogSink& log) {
    visit_left_over(folder_of(file), [&log](const std::string& name, int) {
        remove_all(name);
        log.write(base::LogLevel::kWarning,
                  "removed " + base::printable(name) + ", which a backup left unfinished");
    });
}

std::int64_t UnfinishedFile::left_over_bytes(const std::string& file) {
    std::int64_t bytes = 0;
    visit_left_over(folder_of(file), [&bytes](const std::string&, int descriptor) {
        bytes += bytes_on_disk(descriptor);
    });
    return bytes;
}

UnfinishedFile::UnfinishedFile(const std::string& file, base::LogSink& log)
    : file_(file), path_(name_for(file, log)), made_(path_, O_RDWR | O_CREAT | O_EXCL) {
    if (made_.get() < 0 && errno == EEXIST) {
        throw failure(path_ + " exists: another process is making that backup");
    }
    if (made_.get() < 0) {
        throw failure("cannot make " + path_ + ": " + reason());
    }
    kept_ = base::KeptFromChildren::descriptor(made_.get());
    static_cast<void>(fchmod(made_.get(), 0640));  // it stays 0600 if that cannot be set
    // On a file system without locks, a later backup does not remove this file.
    static_cast<void>(flock(made_.get(), LOCK_EX | LOCK_NB));
}

UnfinishedFile::~UnfinishedFile() {
    if (made_.get() >= 0) {
        remove_all(path_);
    }
}

void UnfinishedFile::sync_to_disk() const {
    if (fsync(made_.get()) != 0) {
        throw failure("cannot write " + path_ + " to disk: " + reason());
    }
}

void UnfinishedFile::sync_folder() const {
    const Descriptor folder(folder_of(file_), O_RDONLY | O_DIRECTORY);
    if (folder.get() < 0 || fsync(folder.get()) != 0) {
        throw failure("cannot write the folder of " + file_ + " to disk: " + reason());
    }
}

void UnfinishedFile::replace() {
    sync_to_disk();
    // SQLite would take the log of the old file for that of the new one.
    for (const char* suffix : {"-wal", "-shm"}) {
        unlink((file_ + suffix).c_str());
    }
    if (rename(path_.c_str(), file_.c_str()) != 0) {
        throw failure("cannot name the copy " + file_ + ": " + reason());
    }
    sync_folder();
}

void UnfinishedFile::publish() {
    sync_to_disk();
    if (renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, file_.c_str(), RENAME_NOREPLACE) != 0) {
        // Not every file system supports that flag; links, which never overwrite, are supported by
        // all.
        if (errno != EINVAL || link(path_.c_str(), file_.c_str()) != 0) {
            throw failure("cannot name the backup " + file_ + ": " + reason());
        }
    }
    sync_folder();
}

}  // namespace incm::inbox::sqlite
