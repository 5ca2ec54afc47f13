#include "incm/base/log_line.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace {

using incm::base::LogFact;
using incm::base::LogFormat;
using incm::base::LogStyle;
using incm::base::Priority;

/// Sets the style of the process while it lives.
class InStyle {
 public:
    explicit InStyle(const LogStyle& style) { incm::base::set_log_style(style); }
    InStyle(const InStyle&) = delete;
    InStyle& operator=(const InStyle&) = delete;
    ~InStyle() { incm::base::set_log_style({}); }
};

std::string line_of(Priority priority, std::string_view text,
                    const std::vector<LogFact>& facts = {}) {
    std::array<char, incm::base::kMaxLogLineBytes> line{};
    const std::size_t size = incm::base::write_log_line(line, priority, "core", text, facts);
    return {line.data(), size};
}

/// The JSON line without its time.
std::string without_time(const std::string& line) {
    EXPECT_EQ(line.substr(0, 7), "{\"ts\":\"");
    EXPECT_EQ(line[30], 'Z') << line;
    return line.substr(0, 7) + line.substr(31);
}

TEST(LogLine, IsAJsonObjectWithTheMembersThatPythonWrites) {
    const InStyle json({.format = LogFormat::kJson});
    EXPECT_EQ(without_time(line_of(Priority::kWarning, "disk is filling")),
              R"({"ts":"","level":"warning","logger":"core","msg":"disk is filling"})"
              "\n");
}

TEST(LogLine, HasFactsInJsonOnly) {
    const std::vector<LogFact> facts = {{"path", "/a\"b", true}, {"status", "200"}};
    {
        const InStyle json({.format = LogFormat::kJson});
        EXPECT_EQ(
            without_time(line_of(Priority::kInfo, "x", facts)),
            R"({"ts":"","level":"info","logger":"core","msg":"x","path":"/a\"b","status":200})"
            "\n");
    }
    const InStyle journal({.format = LogFormat::kJournal});
    EXPECT_EQ(line_of(Priority::kError, "x", facts), "<3>core: x\n");
}

TEST(LogLine, EscapesEveryByteThatIsNotPrintableAscii) {
    const InStyle json({.format = LogFormat::kJson});
    const std::string line = line_of(Priority::kInfo, "a\n\x1b\"\\\xE2\x80\xAE\x7F");
    EXPECT_EQ(
        without_time(line),
        R"({"ts":"","level":"info","logger":"core","msg":"a\\x0a\\x1b\"\\\\xe2\\x80\\xae\\x7f"})"
        "\n");
}

TEST(LogLine, FitsIntoOneWriteWhateverItSays) {
    for (const LogFormat format : {LogFormat::kText, LogFormat::kJson, LogFormat::kJournal}) {
        const InStyle style({.format = format});
        const std::string nines(10'000, '"');
        const std::string line = line_of(Priority::kInfo, nines, {{"long", nines, true}});
        EXPECT_LE(line.size(), incm::base::kMaxLogLineBytes);
        EXPECT_EQ(line.back(), '\n');
        if (format != LogFormat::kJson) continue;
        EXPECT_EQ(line.substr(line.size() - 6), "...\"}\n")
            << "a fact that is too long is left out";
    }
}

TEST(LogLine, HasItsLevelInColourOnATerminal) {
    const InStyle coloured({.is_coloured = true});
    const std::string line = line_of(Priority::kError, "bad");
    EXPECT_NE(line.find(" \x1b[31mERROR\x1b[0m core: bad\n"), std::string::npos) << line;
}

}  // namespace
