#include "quarantine_calls.h"

namespace incm::inbox::test {
namespace {

class InboxQuarantineTest : public QuarantineCalls<InboxTest> {};

TEST_P(InboxQuarantineTest, AuthenticOnesAreBoundedByNumber) {
    open();
    for (std::int64_t i = 0; i < kMaxRejected + 5; ++i) {
        keep(i);
    }
    EXPECT_EQ(counts().quarantined.total(), kMaxRejected);
    const std::vector<StoredRejected> kept = list().found;
    EXPECT_EQ(kept.size(), static_cast<std::size_t>(kMaxRejected));
    EXPECT_EQ(kept.at(0).request.received_at_ms, 5) << "the oldest go";
}

TEST_P(InboxQuarantineTest, AuthenticOnesAreBoundedByBytes) {
    open();
    const std::string body(8 << 20, 'x');
    for (int i = 0; i < 10; ++i) {
        keep(i, body);
    }
    EXPECT_EQ(counts().quarantined.total(), 8);
    keep(10);
    EXPECT_EQ(counts().quarantined.total(), 8);
    open();
    EXPECT_EQ(counts().quarantined.total(), 8);
}

TEST_P(InboxQuarantineTest, AFloodNeverTouchesAuthenticOnes) {
    open();
    keep(1, "authentic");
    keep_many("flood", kMaxHostile + 20);
    EXPECT_EQ(wrong(), kMaxHostile);
    keep_many("large", 70, 256 * 1024);
    std::int64_t bytes = 0;
    for (const StoredRejected& one : list().found) {
        bytes += one.request.kind == QuarantineKind::kNotJson ? 0 : one.body_bytes;
    }
    EXPECT_LE(bytes, kMaxHostileBytes);
    EXPECT_EQ(counts().quarantined[QuarantineKind::kNotJson], 1);
    EXPECT_EQ(list({.kind = QuarantineKind::kNotJson}).found.at(0).body_bytes, 9);
}

TEST_P(InboxQuarantineTest, ASourceWithMoreThanItsShareGivesFirst) {
    open();
    keep_many("good", kMaxHostile / kSharesOfHostile);
    keep_many("flood", kMaxHostile + 50);
    EXPECT_EQ(count_of("good"), kMaxHostile / kSharesOfHostile);
    EXPECT_EQ(wrong(), kMaxHostile);
    EXPECT_EQ(of("flood").back().request.received_at_ms, kMaxHostile + 49) << "its oldest go";
}

TEST_P(InboxQuarantineTest, ASourceWithMoreThanItsShareOfBytesGivesFirst) {
    open();
    keep_many("good", 20, 10'000);
    keep_many("flood", 70, 256 * 1024);
    EXPECT_EQ(count_of("good"), 20);
    EXPECT_LT(count_of("flood"), 64);
}

TEST_P(InboxQuarantineTest, ManySmallSourcesGiveTheirOldest) {
    open();
    for (std::int64_t i = 0; i < kMaxHostile; ++i) {
        EXPECT_TRUE(inbox_->quarantine().keep_later(hostile("scan" + std::to_string(i), i)));
        if (i % 5 == 4) {
            flush();
        }
    }
    keep_many("good", kMaxHostile / kSharesOfHostile);
    EXPECT_EQ(count_of("good"), kMaxHostile / kSharesOfHostile);
    EXPECT_EQ(count_of("scan0"), 0);
    EXPECT_EQ(count_of("scan999"), 1);
    EXPECT_EQ(wrong(), kMaxHostile);
}

TEST_P(InboxQuarantineTest, IdenticalOnesAreKeptOnce) {
    open();
    QuarantinedRequest one = hostile("a", 1);
    one.identity = digest_of(1);
    for (int i = 0; i < 3; ++i) {
        keep_later(one);
    }
    EXPECT_EQ(wrong(), 1);
    one.identity = digest_of(2);
    keep_later(one);
    EXPECT_EQ(wrong(), 2);
    for (const std::int64_t id : ids()) {
        ASSERT_EQ(inbox_->quarantine().drop({id}).value(), 1);
    }
    keep_later(one);
    EXPECT_EQ(wrong(), 1) << "what was dropped may come again";
}

TEST_P(InboxQuarantineTest, AnAlertLeavesItInItsOwnTransaction) {
    open();
    keep_later(hostile("a", 1));
    keep_later(hostile("a", 2));
    keep_later(hostile("a", 3));
    NewAlert made = alert(7, {"a"});
    made.from_quarantine = 1;
    EXPECT_FALSE(append(made).duplicate);
    EXPECT_EQ(ids(), (Ids{2, 3}));
    made.from_quarantine = 2;
    EXPECT_TRUE(append(made).duplicate);
    EXPECT_EQ(ids(), Ids{3}) << "a repetition leaves it, too";
    open();
    EXPECT_EQ(ids(), Ids{3});
    EXPECT_EQ(wrong(), 1);
    EXPECT_EQ(counts().open, 1);
}

TEST_P(InboxQuarantineTest, ANewerOneReplacesAnother) {
    open();
    keep_later(hostile("a", 1));
    ASSERT_TRUE(inbox_->quarantine().keep({.body = "authentic", .replaces = 1}).ok());
    EXPECT_EQ(wrong(), 0);
    EXPECT_EQ(counts().quarantined[QuarantineKind::kNotJson], 1);
    EXPECT_EQ(ids(), Ids{2});
}

TEST_P(InboxQuarantineTest, NumbersNeverComeBack) {
    open();
    keep_later(hostile("a", 1));
    EXPECT_EQ(inbox_->quarantine().drop({1, 5}).value(), 1);
    open();
    keep_later(hostile("a", 2));
    EXPECT_EQ(ids(), Ids{2});
}

TEST_P(InboxQuarantineTest, ListsWhatIsAskedFor) {
    open();
    QuarantinedRequest first = hostile("a", 1);
    first.peer = "192.0.2.7";
    first.signature = std::string(1000, 's');
    first.content_type = std::string(1000, 't');
    keep_later(first);
    keep(2);
    QuarantinedRequest third = hostile("a", 3);
    third.kind = QuarantineKind::kMissingSignature;
    third.endpoint = "/other";
    third.signature = std::nullopt;
    keep_later(third);
    EXPECT_EQ(ids({.kind = QuarantineKind::kMissingSignature}), Ids{3});
    EXPECT_EQ(ids({.endpoint = "/alerts"}), (Ids{1, 2}));
    EXPECT_EQ(ids({.since_ms = 2}), (Ids{2, 3}));
    EXPECT_EQ(ids({.after = 1, .before = 3}), Ids{2});
    EXPECT_EQ(ids({.descending = true, .limit = 2}), (Ids{3, 2}));
    EXPECT_EQ(list({.descending = true, .limit = 2}).next, 2);
    EXPECT_EQ(list({.limit = 3}).next, std::nullopt);
    const RejectedPage page = list({.with_body = true});
    EXPECT_EQ(page.found.at(0).request.body, "1");
    EXPECT_EQ(page.found.at(0).request.peer, "192.0.2.7");
    EXPECT_EQ(page.found.at(0).request.signature, std::string(kMaxSignatureBytes, 's'));
    EXPECT_EQ(page.found.at(0).request.content_type, std::string(kMaxContentTypeBytes, 't'));
    EXPECT_EQ(page.found.at(2).request.signature, std::nullopt);
    EXPECT_FALSE(inbox_->catalog().rejected(4).value().has_value());
}

INCM_FOR_EVERY_INBOX(InboxQuarantineTest);

}  // namespace
}  // namespace incm::inbox::test
