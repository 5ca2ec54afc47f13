#include "incm/inbox/sqlite/unfinished.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
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

/// Remove only files that this user may write and that no process has locked.
void remove_left_over(const std::string& folder, base::LogSink& log) {
    std::error_code error;
    for (fs::directory_iterator one(folder, error), end; !error && one != end;
         one.increment(error)) {
        const std::string name = one->path().string();
        if (!name.ends_with(UnfinishedFile::kSuffix)) {
            continue;
        }
        const Descriptor left(name, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
        if (is_regular(left.get()) && flock(left.get(), LOCK_EX | LOCK_NB) == 0) {
            remove_all(name);
            log.write(base::LogLevel::kWarning,
                      "removed " + base::printable(name) + ", which a backup left unfinished");
        }
    }
}

/// Returns the path, so that the new file is created after the removal of the old ones.
std::string name_for(const std::string& file, base::LogSink& log) {
    remove_left_over(folder_of(file), log);
    return file + UnfinishedFile::kSuffix;
}

}  // namespace

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

void UnfinishedFile::publish() {
    if (fsync(made_.get()) != 0) {
        throw failure("cannot write " + path_ + " to disk: " + reason());
    }
    if (renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, file_.c_str(), RENAME_NOREPLACE) != 0) {
        // Not every file system supports that flag; links, which never overwrite, are supported by
        // all.
        if (errno != EINVAL || link(path_.c_str(), file_.c_str()) != 0) {
            throw failure("cannot name the backup " + file_ + ": " + reason());
        }
    }
    const Descriptor folder(folder_of(file_), O_RDONLY | O_DIRECTORY);
    if (folder.get() < 0 || fsync(folder.get()) != 0) {
        throw failure("cannot write the folder of " + file_ + " to disk: " + reason());
    }
}

}  // namespace incm::inbox::sqlite
