#include "../quarantine_calls.h"
#include "sqlite_fixture.h"

namespace incm::inbox::sqlite::test {
namespace {

class SqliteQuarantineTest : public QuarantineCalls<SqliteInboxTest> {
 protected:
    std::int64_t count_of(const std::string& source) {
        return std::stoll(
            rows(path(), "SELECT count(*) FROM quarantine WHERE source = '" + source + "'").at(0));
    }
};

TEST_F(SqliteQuarantineTest, WhatWaitsIsBounded) {
    open();
    flush();
    sqlite3* other = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &other), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
    for (std::int64_t i = 0; i < Quarantine::kMaxPending; ++i) {
        EXPECT_TRUE(inbox_->quarantine().keep_later(hostile("a", i)));
    }
    EXPECT_FALSE(inbox_->quarantine().keep_later(hostile("a", 99)));
    ASSERT_EQ(sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(other);
    flush();
    EXPECT_EQ(wrong(), Quarantine::kMaxPending);
    keep_later(hostile("a", 99));
}

TEST_F(SqliteQuarantineTest, AuthenticOnesAreBoundedByNumber) {
    open();
    for (std::int64_t i = 0; i < kMaxRejected + 5; ++i) {
        keep(i);
    }
    EXPECT_EQ(counts().quarantined.total(), kMaxRejected);
    close();
    EXPECT_EQ(rows(path(), "SELECT min(received_at_ms), count(*) FROM quarantine"),
              std::vector<std::string>{"5|" + std::to_string(kMaxRejected)});
}

TEST_F(SqliteQuarantineTest, AFloodNeverTouchesAuthenticOnes) {
    open();
    keep(1, "authentic");
    keep_many("flood", kMaxHostile + 20);
    EXPECT_EQ(wrong(), kMaxHostile);
    keep_many("large", 70, 256 * 1024);
    EXPECT_LE(std::stoll(rows(path(),
                              "SELECT total(length(body)) FROM quarantine"
                              " WHERE kind <> 'not-json'")
                             .at(0)),
              kMaxHostileBytes);
    EXPECT_EQ(counts().quarantined[QuarantineKind::kNotJson], 1);
    EXPECT_EQ(list({.kind = QuarantineKind::kNotJson}).found.at(0).body_bytes, 9);
}

TEST_F(SqliteQuarantineTest, ASourceWithMoreThanItsShareGivesFirst) {
    open();
    keep_many("good", kMaxHostile / kSharesOfHostile);
    keep_many("flood", kMaxHostile + 50);
    EXPECT_EQ(count_of("good"), kMaxHostile / kSharesOfHostile);
    EXPECT_EQ(wrong(), kMaxHostile);
    EXPECT_EQ(rows(path(), "SELECT max(received_at_ms) FROM quarantine WHERE source = 'flood'"),
              std::vector<std::string>{std::to_string(kMaxHostile + 49)})
        << "its oldest go";
}

}  // namespace
}  // namespace incm::inbox::sqlite::test
