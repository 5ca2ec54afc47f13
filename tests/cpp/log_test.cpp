#include "incm/base/log.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "incm/base/clock.h"
#include "incm/base/standard_error.h"

namespace {

using incm::base::LogLevel;
using incm::base::StderrSink;

/// Points standard error elsewhere while it lives.
class StderrTo {
 public:
    explicit StderrTo(int descriptor) : kept_(::dup(STDERR_FILENO)) {
        ::dup2(descriptor, STDERR_FILENO);
    }
    StderrTo(const StderrTo&) = delete;
    StderrTo& operator=(const StderrTo&) = delete;
    ~StderrTo() {
        ::dup2(kept_, STDERR_FILENO);
        ::close(kept_);
    }

 private:
    int kept_;
};

/// Points standard error at a pipe while it lives.
class StderrToPipe {
 public:
    StderrToPipe() {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
            throw std::runtime_error("no pipe");
        }
        read_end_ = ends[0];
        stderr_.emplace(ends[1]);
        ::close(ends[1]);
    }
    StderrToPipe(const StderrToPipe&) = delete;
    StderrToPipe& operator=(const StderrToPipe&) = delete;
    ~StderrToPipe() { ::close(read_end_); }

    /// Bytes that were written and not read.
    [[nodiscard]] int waiting() const {
        int bytes = 0;
        ::ioctl(read_end_, FIONREAD, &bytes);
        return bytes;
    }

    /// What one read() gives: with an empty pipe before, what one write() put there.
    std::string read() const {
        std::string text(8192, '\0');
        const ssize_t size = ::read(read_end_, text.data(), text.size());
        text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
        return text;
    }

 private:
    int read_end_ = -1;
    std::optional<StderrTo> stderr_;
};

std::string logged(LogLevel level, std::string_view text) {
    const StderrToPipe pipe;
    StderrSink().write(level, text);
    return pipe.read();
}

/// Puts this machine into a time zone while it lives.
class InZone {
 public:
    explicit InZone(const char* zone) {
        const char* const before = std::getenv("TZ");
        if (before) before_ = before;
        ::setenv("TZ", zone, 1);
        ::tzset();
    }
    InZone(const InZone&) = delete;
    InZone& operator=(const InZone&) = delete;
    ~InZone() {
        before_ ? ::setenv("TZ", before_->c_str(), 1) : ::unsetenv("TZ");
        ::tzset();
    }

 private:
    std::optional<std::string> before_;
};

/// The line with every digit as "0".
std::string shape_of(std::string line) {
    for (char& c : line) {
        c = c >= '0' && c <= '9' ? '0' : c;
    }
    return line;
}

TEST(StderrSink, WritesTimeLevelAndText) {
    const InZone utc("UTC0");
    const std::string time = "0000-00-00T00:00:00.000Z ";
    EXPECT_EQ(shape_of(logged(LogLevel::kInfo, "listening")), time + "INFO  core: listening\n");
    EXPECT_EQ(shape_of(logged(LogLevel::kWarning, "disk is filling")),
              time + "WARN  core: disk is filling\n");
    EXPECT_EQ(shape_of(logged(LogLevel::kError, "")), time + "ERROR core: \n");
}

TEST(StderrSink, SaysHowFarTheTimeOfTheMachineIsFromUtc) {
    for (const auto& [zone, distance] : {std::pair{"CET-1", "+01:00"}, {"NST3:30", "-03:30"}}) {
        const InZone here(zone);
        const std::string line = logged(LogLevel::kInfo, "here");
        EXPECT_EQ(line.substr(23), std::string(distance) + " INFO  core: here\n");
    }
}

TEST(StderrSink, WritesTheTimeOfNow) {
    const InZone here("UTC0");
    const std::int64_t before = incm::base::now().wall_ms / 1000;
    const std::string line = logged(LogLevel::kInfo, "now");
    tm utc{};
    ASSERT_EQ(std::sscanf(line.c_str(), "%d-%d-%dT%d:%d:%d", &utc.tm_year, &utc.tm_mon,
                          &utc.tm_mday, &utc.tm_hour, &utc.tm_min, &utc.tm_sec),
              6);
    utc.tm_year -= 1900;
    utc.tm_mon -= 1;
    const std::int64_t written = timegm(&utc);
    EXPECT_GE(written, before);
    EXPECT_LE(written, incm::base::now().wall_ms / 1000);
}

TEST(StderrSink, CutsALineThatNoAtomicWriteCouldTake) {
    const std::string line = logged(LogLevel::kInfo, std::string(10'000, 'x'));
    EXPECT_EQ(line.size(), 4096U);
    EXPECT_TRUE(line.ends_with("xxx...\n"));
}

TEST(StderrSink, TakesALineThatJustFits) {
    const InZone utc("UTC0");
    const std::size_t head = std::string("2026-11-23T23:03:01.123Z INFO  core: ").size();
    const std::string text(4096 - head - 1, 'y');
    const std::string line = logged(LogLevel::kInfo, text);
    EXPECT_EQ(line.substr(head), text + "\n");
}

/// The number that a descriptor would get.
int next_descriptor() {
    const int descriptor = ::dup(STDERR_FILENO);
    ::close(descriptor);
    return descriptor;
}

/// All that is in the pipe.
std::string drain(const StderrToPipe& pipe) {
    std::string all;
    while (pipe.waiting() > 0) {
        all += pipe.read();
    }
    return all;
}

/// Write lines until one is not in the pipe any more; nobody reads.
void fill(const StderrToPipe& pipe) {
    for (int before = -1; pipe.waiting() != before;) {
        before = pipe.waiting();
        StderrSink().write(LogLevel::kError, "kept");
    }
}

TEST(StderrSink, AReaderThatStoppedStopsNobody) {
    const StderrToPipe pipe;
    const int next = next_descriptor();
    std::int64_t before = incm::base::now().steady_ms;
    fill(pipe);  // the last of them waited for its second
    EXPECT_GE(incm::base::now().steady_ms - before, 1000) << "none waited";
    before = incm::base::now().steady_ms;
    for (int times = 0; times < 99; ++times) {
        StderrSink().write(LogLevel::kError, "lost");
    }
    EXPECT_LT(incm::base::now().steady_ms - before, 50'000) << "each waited for its second";
    EXPECT_EQ(::fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0) << "others that share it see this";
    EXPECT_EQ(next_descriptor(), next);
    EXPECT_EQ(drain(pipe).find("lost"), std::string::npos);
    StderrSink().write(LogLevel::kInfo, "read again");
    const std::string text = pipe.read();
    EXPECT_TRUE(text.starts_with("... standard error took nothing: 100 lines were dropped\n"))
        << text;
    EXPECT_TRUE(text.ends_with("read again\n")) << text;
    StderrSink().write(LogLevel::kInfo, "and goes on");
    EXPECT_TRUE(pipe.read().ends_with(" INFO  core: and goes on\n"));
}

/// Write a line to a pipe without room that is read as soon as that line waits; what came.
std::string written_to_a_late_reader() {
    const StderrToPipe pipe;
    StderrSink().write(LogLevel::kInfo, "there is room");  // so that the next may wait
    const std::string page(4096, '.');
    ::fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK);
    while (::write(STDERR_FILENO, page.data(), page.size()) > 0) {
    }
    ::fcntl(STDERR_FILENO, F_SETFL, 0);
    const std::string path = "/proc/self/task/" + std::to_string(::gettid()) + "/stat";
    std::thread reader([&] {
        char state = 'R';
        while (state != 'S') {
            std::FILE* file = std::fopen(path.c_str(), "re");
            if (std::fscanf(file, "%*d %*s %c", &state) != 1) state = 'S';
            std::fclose(file);
        }
        pipe.read();
    });
    StderrSink().write(LogLevel::kInfo, "waited");
    reader.join();
    return drain(pipe);
}

TEST(StderrSink, ALineWaitsForAReaderThatIsLate) {
    bool came = false;
    for (int times = 0; times < 20 && !came; ++times) {  // the reader itself may be too late
        came = written_to_a_late_reader().ends_with(" INFO  core: waited\n");
    }
    EXPECT_TRUE(came);
}

TEST(StderrSink, ALineThatOnlyBeganIsEnded) {
    const StderrToPipe pipe;
    fill(pipe);
    pipe.read();
    incm::base::write_to_stderr(std::string(100'000, 'x') + "\n");
    StderrSink().write(LogLevel::kInfo, "lost");
    EXPECT_TRUE(drain(pipe).ends_with("xxx"));
    StderrSink().write(LogLevel::kInfo, "read again");
    const std::string text = pipe.read();
    EXPECT_TRUE(text.starts_with("\n... standard error took nothing: 2 lines were dropped\n"))
        << text;
    fill(pipe);
    drain(pipe);
    StderrSink().write(LogLevel::kInfo, "and again");
    EXPECT_TRUE(pipe.read().starts_with("... ")) << "that line was whole";
}

TEST(StderrSink, AReaderThatStoppedStopsNobodyWhenNoDescriptorIsLeft) {
    const StderrToPipe pipe;
    fill(pipe);
    pipe.read();
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const rlimit none{.rlim_cur = static_cast<rlim_t>(next_descriptor()),
                      .rlim_max = limit.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
    // No virtual functions until there are descriptors again: UBSan takes some to look at a vptr.
    incm::base::write_to_stderr(std::string(100'000, 'x') + "\n");  // there is room for a part
    drain(pipe);
    incm::base::write_to_stderr("read again\n");
    ::setrlimit(RLIMIT_NOFILE, &limit);
    EXPECT_TRUE(drain(pipe).ends_with("read again\n"));
}

TEST(StderrSink, AReaderOfASocketThatStoppedStopsNobody) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
    const StderrTo ours(ends[1]);
    for (int times = 0; times < 9999; ++times) {  // more than there is room for
        StderrSink().write(LogLevel::kError, "of many");
    }
    std::string text(8192, '\0');
    while (::recv(ends[0], text.data(), text.size(), MSG_DONTWAIT) > 0) {
    }
    StderrSink().write(LogLevel::kInfo, "read again");
    text.resize(static_cast<std::size_t>(::read(ends[0], text.data(), text.size())));
    EXPECT_TRUE(text.starts_with("... standard error took nothing: ")) << text;
    EXPECT_TRUE(text.ends_with("read again\n")) << text;
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST(StderrSink, WritesToASocketAndToTheEndOfAFile) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
    const StderrTo ours(ends[1]);
    StderrSink().write(LogLevel::kInfo, "to a socket");
    std::string text(8192, '\0');
    text.resize(static_cast<std::size_t>(::read(ends[0], text.data(), text.size())));
    EXPECT_TRUE(text.ends_with("to a socket\n"));
    ::close(ends[0]);
    StderrSink().write(LogLevel::kInfo, "nobody is there, and no signal ends this");
    ::close(ends[1]);

    std::FILE* file = std::tmpfile();
    const StderrTo theirs(::fileno(file));
    ::write(STDERR_FILENO, "before, ", 8);
    incm::base::write_to_stderr("a line\n");
    ::write(STDERR_FILENO, "behind it", 9);
    std::rewind(file);
    text.resize(std::fread(text.data(), 1, 100, file));
    EXPECT_EQ(text, "before, a line\nbehind it");
    std::fclose(file);
}

TEST(StderrSink, SurvivesAClosedStandardError) {
    const int kept = ::dup(STDERR_FILENO);
    ::close(STDERR_FILENO);
    StderrSink().write(LogLevel::kError, "nobody reads this");
    ::dup2(kept, STDERR_FILENO);
    ::close(kept);
}

}  // namespace
