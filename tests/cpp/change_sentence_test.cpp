#include "incm/admin/change_sentence.h"

#include <gtest/gtest.h>

namespace {

using incm::admin::change_sentence;

constexpr const char* kBegin = "changed through the admin API: ";

void expect(const std::string& path, const std::string& reply, const std::string& rest) {
    EXPECT_EQ(change_sentence(path, reply), kBegin + rest);
}

TEST(ChangeSentenceTest, CountsDeliveriesThatWereChanged) {
    expect("/api/v1/dead/retry",
           R"({"retried":3,"next":null})"
           "\n",
           "3 deliveries retried");
    expect("/api/v1/dead/drop", R"({"dropped":1,"next":"2:7"})", "1 delivery dropped");
    expect("/api/v1/replay", R"({"replayed":1200,"next":9})", "1200 deliveries replayed");
}

TEST(ChangeSentenceTest, ReportsEveryResultOfARetryOfTheQuarantine) {
    const std::string path = "/api/v1/quarantine/retry";
    expect(path, R"({"accepted":5,"duplicate":0,"refused":2,"next":null,"results":[]})",
           "5 quarantined requests accepted, 2 refused");
    expect(path, R"({"accepted":0,"duplicate":1,"refused":2})",
           "1 quarantined request duplicate, 2 refused");
}

TEST(ChangeSentenceTest, NamesThePluginWhoseKeysWereDropped) {
    const std::string path = "/api/v1/state/drop";
    expect(path, R"({"plugin":"keeper","dropped":4,"next":null})",
           "4 keys of plugin keeper dropped");
    expect(path, R"({"plugin":"a\nb","dropped":1,"next":"k"})",
           R"(1 key of plugin a\x0ab dropped)");
    expect(path, R"({"plugin":"keeper","dropped":0,"next":null})",
           "no keys of plugin keeper dropped");
}

TEST(ChangeSentenceTest, ReportsThatNothingWasChanged) {
    expect("/api/v1/dead/retry", R"({"retried":0,"next":null})", "no deliveries retried");
    expect("/api/v1/quarantine/retry", R"({"accepted":0,"duplicate":0,"refused":0})",
           "no quarantined requests accepted");
}

TEST(ChangeSentenceTest, NamesTheFileOfABackupInOneLine) {
    expect("/api/v1/backup", R"({"state":"running","file":"/b/in\nbox.db","bytes":0})",
           R"(backup to /b/in\x0abox.db started)");
    expect("/api/v1/backup/cancel", R"({"state":"none","file":""})", "backup cancelled");
}

TEST(ChangeSentenceTest, QuotesThePathOfACallWithoutASentence) {
    expect("/api/v1/other", R"({"state":"new"})", "/api/v1/other");
    expect("/api/v1/replay", "no JSON", "/api/v1/replay");
}

}  // namespace
