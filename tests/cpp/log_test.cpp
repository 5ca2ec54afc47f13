#include "incm/base/log.h"

#include <array>
#include <cstdio>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <time.h>
#include <unistd.h>

#include "incm/base/clock.h"

namespace {

using incm::base::LogLevel;
using incm::base::StderrSink;

/// Points standard error at a pipe while it lives.
class StderrToPipe {
 public:
    StderrToPipe() {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
            throw std::runtime_error("no pipe");
        }
        read_end_ = ends[0];
        kept_ = ::dup(STDERR_FILENO);
        ::dup2(ends[1], STDERR_FILENO);
        ::close(ends[1]);
    }
    StderrToPipe(const StderrToPipe&) = delete;
    StderrToPipe& operator=(const StderrToPipe&) = delete;
    ~StderrToPipe() {
        ::dup2(kept_, STDERR_FILENO);
        ::close(kept_);
        ::close(read_end_);
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
    int kept_ = -1;
};

std::string logged(LogLevel level, std::string_view text) {
    const StderrToPipe pipe;
    StderrSink().write(level, text);
    return pipe.read();
}

/// The line with every digit as "0".
std::string shape_of(std::string line) {
    for (char& c : line) {
        c = c >= '0' && c <= '9' ? '0' : c;
    }
    return line;
}

TEST(StderrSink, WritesTimeLevelAndText) {
    const std::string time = "0000-00-00T00:00:00.000Z ";
    EXPECT_EQ(shape_of(logged(LogLevel::kInfo, "listening")), time + "INFO  core: listening\n");
    EXPECT_EQ(shape_of(logged(LogLevel::kWarning, "disk is filling")),
              time + "WARN  core: disk is filling\n");
    EXPECT_EQ(shape_of(logged(LogLevel::kError, "")), time + "ERROR core: \n");
}

TEST(StderrSink, WritesTheTimeOfNow) {
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
    const std::size_t head = std::string("2026-11-23T23:03:01.123Z INFO  core: ").size();
    const std::string text(4096 - head - 1, 'y');
    const std::string line = logged(LogLevel::kInfo, text);
    EXPECT_EQ(line.substr(head), text + "\n");
}

TEST(StderrSink, SurvivesAClosedStandardError) {
    const int kept = ::dup(STDERR_FILENO);
    ::close(STDERR_FILENO);
    StderrSink().write(LogLevel::kError, "nobody reads this");
    ::dup2(kept, STDERR_FILENO);
    ::close(kept);
}

}  // namespace
