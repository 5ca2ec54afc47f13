#include "sqlite_fixture.h"

namespace incm::inbox::sqlite::test {
namespace {

class SqliteQuarantineTest : public SqliteInboxTest {
 protected:
    /// A request whose sender is not authenticated; its body begins with its number.
    static QuarantinedRequest hostile(const std::string& source, std::int64_t number,
                                      std::size_t body_bytes = 0) {
        QuarantinedRequest made;
        made.received_at_ms = number;
        made.endpoint = "/alerts";
        made.reason = "wrong";
        made.kind = QuarantineKind::kWrongSignature;
        made.source = source;
        made.signature = "sig";
        made.body = std::to_string(number) + std::string(body_bytes, 'x');
        return made;
    }
    void keep_later(QuarantinedRequest rejected) {
        EXPECT_TRUE(inbox_->quarantine().keep_later(std::move(rejected)));
        flush();
    }
    void keep_many(const std::string& source, std::int64_t count, std::size_t body_bytes = 0) {
        for (std::int64_t i = 0; i < count; ++i) {
            EXPECT_TRUE(inbox_->quarantine().keep_later(hostile(source, i, body_bytes)));
            if (i % 5 == 4) {
                flush();
            }
        }
        flush();
    }
    void keep(std::int64_t number, const std::string& body = "{}") {
        ASSERT_TRUE(inbox_->quarantine().keep({number, "/alerts", "no alert", body}).ok());
    }
    RejectedPage list(const RejectedQuery& query = {.limit = 5000}) {
        auto page = inbox_->catalog().quarantine(query);
        EXPECT_TRUE(page.ok()) << page.error().text;
        return page.ok() ? page.value() : RejectedPage{};
    }
    Ids ids(const RejectedQuery& query = {.limit = 5000}) {
        Ids found;
        for (const StoredRejected& one : list(query).found) {
            found.push_back(one.id);
        }
        return found;
    }
    std::int64_t count_of(const std::string& source) {
        return std::stoll(
            rows(path(), "SELECT count(*) FROM quarantine WHERE source = '" + source + "'").at(0));
    }
    std::int64_t wrong() { return counts().quarantined[QuarantineKind::kWrongSignature]; }
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
