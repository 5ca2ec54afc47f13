#include "incm/inbox/sqlite/file_lock.h"

#include <csignal>

#include "sqlite_fixture.h"
#include <fcntl.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "incm/inbox/sqlite/lock_holder.h"

namespace incm::inbox::sqlite::test {
namespace {

/// A process that does something first and then waits for its end.
class Other {
 public:
    /// raw: made by clone(2), without what fork() has to do.
    explicit Other(const std::function<void()>& first, bool raw = false) {
        int ready[2];
        EXPECT_EQ(pipe(ready), 0);
        pid_ = raw ? static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)) : fork();
        if (pid_ == 0) {
            first();
            [[maybe_unused]] const ssize_t written = write(ready[1], "x", 1);
            for (;;) pause();
        }
        close(ready[1]);
        char byte = 0;
        EXPECT_EQ(read(ready[0], &byte, 1), 1);
        close(ready[0]);
    }
    Other(const Other&) = delete;
    Other& operator=(const Other&) = delete;
    ~Other() {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    [[nodiscard]] std::string pid() const { return std::to_string(pid_); }

 private:
    pid_t pid_ = 0;
};

class FileLockTest : public ::testing::Test {
 protected:
    /// Why it cannot be locked; "" when it can.
    std::string refusal() {
        try {
            FileLock lock(path_);
            lock.keep();
            return {};
        } catch (const base::Failure& failure) {
            EXPECT_EQ(failure.code(), base::ErrorCode::kInboxInUse);
            return failure.what();
        }
    }
    [[nodiscard]] std::string holder() const {
        const auto found = find_holder(path_);
        return found ? found->text : "";
    }
    void hold_by_flock() const {
        const int descriptor = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
        const std::string pid = std::to_string(getpid()) + "\n";
        if (flock(descriptor, LOCK_EX) != 0 || write(descriptor, pid.data(), pid.size()) < 0) {
            _exit(1);
        }
    }
    Folder folder_;
    std::string path_ = folder_ / "inbox.db.lock";
};

TEST_F(FileLockTest, IsFreeForTheNext) {
    EXPECT_EQ(refusal(), "");
    EXPECT_EQ(refusal(), "");
    EXPECT_EQ(holder(), "");
}

TEST_F(FileLockTest, NamesTheProcessThatHoldsIt) {
    const Other other([this] { (new FileLock(path_))->keep(); });
    const std::string expected = "another process has the inbox open (process " + other.pid() +
                                 ", lock file " + path_ + "): stop it first";
    EXPECT_EQ(refusal(), expected);
    EXPECT_EQ(holder(), expected);
}

TEST_F(FileLockTest, NamesTheHolderThoughTheFileNamesAnother) {
    const Other other([this] { (new FileLock(path_))->keep(); });
    write_bytes(path_, "1\n");
    EXPECT_NE(refusal().find("(process " + other.pid() + ","), std::string::npos) << refusal();
}

TEST_F(FileLockTest, HoldsAgainstAProgramThatKnowsTheOldLockOnly) {
    const FileLock lock(path_);
    const Other other([this] {
        const int descriptor = open(path_.c_str(), O_RDWR | O_CLOEXEC);
        if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) _exit(1);
    });
}

TEST_F(FileLockTest, IsRefusedByAProgramThatTakesTheOldLockOnly) {
    const Other other([this] { hold_by_flock(); });
    EXPECT_NE(refusal().find("(process " + other.pid() + ","), std::string::npos) << refusal();
}

TEST_F(FileLockTest, AForkedChildDoesNotHoldIt) {
    auto lock = std::make_unique<FileLock>(path_);
    lock->keep();
    const Other child([] {});
    lock.reset();
    EXPECT_EQ(refusal(), "");
}

TEST_F(FileLockTest, NamesTheChildrenThatAProcessLeftBehind) {
    std::string left;
    {
        int ends[2];
        ASSERT_EQ(pipe(ends), 0);
        const Other owner([&] {
            (new FileLock(path_))->keep();
            const auto* const child = new Other([] {}, true);
            const std::string pid = child->pid();
            [[maybe_unused]] const ssize_t size = write(ends[1], pid.data(), pid.size());
        });
        close(ends[1]);
        std::array<char, 16> text{};
        const ssize_t size = read(ends[0], text.data(), text.size());
        left.assign(text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
        close(ends[0]);
    }
    const std::string reason = refusal();
    kill(std::stoi(left), SIGKILL);
    EXPECT_TRUE(reason.starts_with("process " + left + " (")) << reason;
    EXPECT_NE(reason.find("has ended and left this one behind"), std::string::npos) << reason;
    EXPECT_TRUE(reason.ends_with(": end process " + left + " first")) << reason;
}

TEST_F(FileLockTest, IsNotLostWhenAnotherDescriptorOfItIsClosed) {
    const FileLock lock(path_);
    close(open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    const Other other([this] {
        if (refusal().empty()) _exit(1);
    });
}

TEST_F(FileLockTest, IsNotLostWhenASecondOneOfTheProcessIsRefused) {
    const FileLock lock(path_);
    EXPECT_NE(refusal().find("(process " + std::to_string(getpid()) + ","), std::string::npos);
    EXPECT_NE(holder(), "");
    const Other other([this] {
        if (refusal().empty()) _exit(1);
    });
}

TEST_F(FileLockTest, KeepsWhatStandsBehindItsLine) {
    write_bytes(path_, "123456789\nmark 1\nmark 2\n");
    EXPECT_EQ(refusal(), "");
    EXPECT_EQ(read_bytes(path_), std::to_string(getpid()) + "\nmark 1\nmark 2\n");
}

TEST_F(FileLockTest, GivesTheNextOneWhatTheLastOneLeft) {
    {
        FileLock lock(path_);
        EXPECT_EQ(lock.left(), "");
        lock.leave("1 commit\n");
        lock.leave("2 commits\n");
        lock.keep();
    }
    EXPECT_EQ(read_bytes(path_), std::to_string(getpid()) + "\n2 commits\n");
    EXPECT_EQ(FileLock(path_).left(), "2 commits\n");
}

TEST_F(FileLockTest, LeavesNoFileUnlessItIsKept) {
    { const FileLock lock(path_); }
    EXPECT_TRUE(folder_.names().empty());
}

}  // namespace
}  // namespace incm::inbox::sqlite::test
