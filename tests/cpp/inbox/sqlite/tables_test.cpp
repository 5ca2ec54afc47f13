#include "incm/inbox/sqlite/tables.h"

#include "sqlite_fixture.h"

#include "incm/inbox/sqlite/bulk_insert.h"
#include "incm/inbox/sqlite/database_file.h"
#include "incm/inbox/sqlite/dedupe_index.h"
#include "incm/inbox/sqlite/operator_change.h"

namespace incm::inbox::sqlite::test {
namespace {

constexpr std::int64_t kDayMs = 24LL * 60 * 60 * 1000;

/// The order of a transaction's rows, which are written together at its end.
class InboxTablesTest : public SqliteInboxTest {
 protected:
    static constexpr std::int64_t kPlugin = 1;

    /// An alert for one plugin, leased and stored.
    void SetUp() override {
        open();
        append_range(1, kAlerts);
        close();
        database_ = open_writer(path(), std::nullopt, log_);
        now_ms_ = stored_now();
        tables_.emplace(*database_);
        tables_->begin(now_ms_);
        std::vector<std::int64_t> ids;
        for (std::int64_t id = 1; id <= kAlerts; ++id) {
            ids.push_back(id);
        }
        tables_->lease(kLease, kPlugin, 0, ids);
        commit();
    }
    void commit() {
        tables_->commit();
        tables_->begin(now_ms_);
    }
    [[nodiscard]] std::int64_t stored_now() {
        return database_->integer_of("SELECT value FROM meta WHERE key = 'clock_ms'");
    }
    static Settled settled(std::int64_t alert_id, Outcome outcome, std::int64_t attempt = 1) {
        return {kPlugin, kLease, attempt, 0, 0, {alert_id, "a", outcome, 0, 0, "an error"}};
    }
    [[nodiscard]] std::vector<std::string> open_deliveries() {
        return rows(path(), "SELECT plugin_id, alert_id FROM delivery");
    }

    static constexpr std::int64_t kAlerts = 9;
    static constexpr std::int64_t kLease = 7;
    std::unique_ptr<Database> database_;
    std::optional<Tables> tables_;
    std::int64_t now_ms_ = 0;
};

TEST_F(InboxTablesTest, OnlyDeliveriesThatWereMadeAreDeleted) {
    database_->execute(
        "INSERT INTO plugin VALUES (2, 'b', 1);"
        "INSERT INTO delivery SELECT 2, alert_id + 7, 0, 0, 0, 0, NULL, 0 FROM delivery"
        " WHERE alert_id < 5");
    std::vector<Settled> all;
    for (const std::int64_t id : {9, 1, 3, 2, 5}) {
        all.push_back(settled(id, Outcome::kDelivered));
    }
    all.push_back(settled(4, Outcome::kRetry));
    // Behind the last one of the other plugin.
    all.push_back(settled(10, Outcome::kDelivered));
    all.back().plugin_id = 2;
    for (const Settled& one : all) {
        tables_->settle(one);
    }
    commit();
    tables_->rollback();
    EXPECT_EQ(open_deliveries(),
              (std::vector<std::string>{"1|4", "1|6", "1|7", "1|8", "2|8", "2|9", "2|11"}));
}

TEST_F(InboxTablesTest, APruneSeesWhatTheSameTransactionSettled) {
    const Settled made = settled(1, Outcome::kDelivered);
    now_ms_ += kDayMs + 1;
    commit();
    tables_->settle(made);
    EXPECT_EQ(tables_->prune(0, kDayMs).pruned, 1);
    commit();
    tables_->rollback();
    EXPECT_EQ(rows(path(), "SELECT count(*) FROM attempt"), std::vector<std::string>{"0"});
    EXPECT_EQ(rows(path(), "SELECT min(id) FROM alert"), std::vector<std::string>{"2"});
}

TEST_F(InboxTablesTest, TracebacksGoWithTheirAlert) {
    std::vector<Settled> all{settled(1, Outcome::kRetry), settled(2, Outcome::kDead),
                             settled(3, Outcome::kDelivered)};
    for (Settled& one : all) {
        one.settlement.traceback = "Traceback";
        tables_->settle(one);
    }
    const Settled again = settled(1, Outcome::kDelivered, 2);
    now_ms_ += kDayMs + 1;
    commit();
    const auto kept = [&] { return rows(path(), "SELECT alert_id FROM traceback"); };
    EXPECT_EQ(kept(), (std::vector<std::string>{"1", "2"})) << "none of what went well";
    tables_->settle(again);
    EXPECT_EQ(tables_->prune(0, kDayMs).pruned, 2);
    commit();
    tables_->rollback();
    EXPECT_EQ(kept(), std::vector<std::string>{"2"}) << "of the dead letter, which is not pruned";
}

TEST_F(InboxTablesTest, AChangeByHandSeesWhatTheSameTransactionSettled) {
    const Settled made = settled(1, Outcome::kDelivered);
    OperatorChange again(OperatorAction::kRedeliver, 0, {{nullptr, {"a", 1}}});
    tables_->settle(made);
    again.execute(*tables_);
    commit();
    tables_->rollback();
    EXPECT_EQ(rows(path(), "SELECT attempts, base FROM delivery WHERE alert_id = 1"),
              std::vector<std::string>{"1|1"});
}

TEST_F(InboxTablesTest, WhatWasRolledBackIsNotWrittenLater) {
    const NewAlert lost = alert(100);
    const std::vector<std::int64_t> plugins{kPlugin};
    const Settled made = settled(1, Outcome::kDelivered);
    static_cast<void>(tables_->append(lost, plugins));
    tables_->settle(made);
    tables_->rollback();
    tables_->begin(now_ms_);
    static_cast<void>(tables_->edit());
    commit();
    tables_->rollback();
    EXPECT_EQ(open_deliveries().size(), static_cast<std::size_t>(kAlerts));
    EXPECT_EQ(rows(path(), "SELECT (SELECT count(*) FROM alert), (SELECT count(*) FROM attempt)"),
              std::vector<std::string>{"9|0"});
}

/// SQLite's files, of which those without a name (temporary ones) cannot be opened.
class NoTemporaryFiles {
 public:
    NoTemporaryFiles() : usual_(sqlite3_vfs_find(nullptr)), without_(*usual_) {
        open_ = usual_->xOpen;
        asked_ = 0;
        without_.zName = "no-temporary-files";
        without_.xOpen = [](sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags,
                            int* out) {
            if (name == nullptr) {
                ++asked_;
                file->pMethods = nullptr;
                return SQLITE_CANTOPEN;
            }
            return open_(vfs, name, file, flags, out);
        };
        sqlite3_vfs_register(&without_, 1);
    }
    NoTemporaryFiles(const NoTemporaryFiles&) = delete;
    NoTemporaryFiles& operator=(const NoTemporaryFiles&) = delete;
    ~NoTemporaryFiles() {
        sqlite3_vfs_unregister(&without_);
        sqlite3_vfs_register(usual_, 1);
    }
    [[nodiscard]] static int asked() { return asked_; }

 private:
    sqlite3_vfs* usual_;
    sqlite3_vfs without_;
    static inline decltype(sqlite3_vfs::xOpen) open_ = nullptr;
    static inline int asked_ = 0;
};

/// An INSERT of several rows keeps the pages that it changes, so that it can be undone alone. Keys
/// all over the index are on more of them than SQLite keeps in memory by itself (64 KiB).
TEST_F(InboxTablesTest, ATransactionNeedsNoTemporaryFile) {
    constexpr std::uint64_t kIndexed = 5'000;
    constexpr std::uint64_t kFresh = 128;
    std::string fresh;
    tables_->rollback();
    {
        Transaction transaction(*database_, true);
        Statement index(*database_, "INSERT INTO seen VALUES (?1, 1, 0)");
        for (std::uint64_t number = 100; number < 100 + kIndexed; ++number) {
            index.run(blob_of(digest_of(number)));
        }
        for (std::uint64_t number = 0; number < kFresh; ++number) {
            fresh += blob_of(digest_of(1'000'000 + number)).bytes;
        }
        Statement(*database_, "INSERT INTO fresh VALUES (100, 0, ?1)").run(Blob{fresh});
        transaction.commit();
    }
    const auto indexed = [&] { return database_->integer_of("SELECT count(*) FROM seen"); };
    const std::int64_t before = indexed();
    tables_.reset();
    database_.reset();
    const NoTemporaryFiles none;
    database_ = open_writer(path(), std::nullopt, log_);
    EXPECT_NO_THROW(index_left_over(*database_));
    EXPECT_EQ(NoTemporaryFiles::asked(), 0);
    EXPECT_EQ(indexed(), before + static_cast<std::int64_t>(kFresh));
    database_.reset();
}

/// Rows that several statements put into a table.
class BulkInsertTest : public InboxTablesTest {
 protected:
    void SetUp() override {
        database_ = open_writer(path(), std::nullopt, log_);
        database_->execute("CREATE TEMP TABLE t(at INTEGER PRIMARY KEY, n INTEGER UNIQUE, s TEXT)");
        insert_.emplace(*database_, "INSERT INTO t(n, s) VALUES", "(?, ?)");
    }
    [[nodiscard]] std::string content() {
        return database_->text_of("SELECT group_concat(n || coalesce(s, '-')) FROM t ORDER BY at");
    }

    std::optional<BulkInsert<std::int64_t, std::optional<std::string_view>>> insert_;
};

TEST_F(BulkInsertTest, WritesAnyNumberOfRowsInTheirOrder) {
    for (std::int64_t rows = 0; rows <= 70; ++rows) {
        std::string expected;
        for (std::int64_t i = 0; i < rows; ++i) {
            const std::int64_t n = rows - i;
            const bool has_text = i % 3 == 0;
            insert_->add(n, has_text ? std::optional<std::string_view>("x") : std::nullopt);
            expected += (i ? "," : "") + std::to_string(n) + (has_text ? "x" : "-");
        }
        insert_->write();
        EXPECT_EQ(content(), expected);
        insert_->write();
        EXPECT_EQ(content(), expected) << "they are written once";
        database_->execute("DELETE FROM t");
    }
}

TEST_F(BulkInsertTest, AfterARefusedRowARollbackLeavesNone) {
    for (std::int64_t n = 1; n <= 40; ++n) {
        insert_->add(n == 40 ? 7 : n, std::nullopt);
    }
    {
        const Transaction transaction(*database_, true);
        EXPECT_THROW(insert_->write(), SqlError);
    }
    EXPECT_EQ(content(), "");
    insert_->forget();
    insert_->write();
    EXPECT_EQ(content(), "");
}

TEST_F(InboxTablesTest, OutagesAreStoredAsTheyAreRemembered) {
    Outages remembered;
    std::int64_t attempt = 0;
    const auto count = static_cast<std::int64_t>(Outages::kMost) + 2;
    for (std::int64_t i = 0; i <= count; ++i) {
        for (const Outcome outcome : {Outcome::kUnavailable, Outcome::kUnavailable, Outcome::kRetry,
                                      i == count ? Outcome::kDead : Outcome::kDelivered}) {
            const auto settlement =
                settled(1, outcome, ++attempt);  // its text is read at the commit
            tables_->settle(settlement);
            remembered.settled(outcome, now_ms_);
            now_ms_ += outcome == Outcome::kRetry && i % 3 == 0 ? 0 : 1;
            commit();
        }
    }
    const Outages stored(read_outages(*database_, kPlugin));
    for (std::int64_t from_ms = now_ms_ - 4 * count; from_ms < now_ms_; ++from_ms) {
        ASSERT_EQ(stored.within(from_ms, now_ms_), remembered.within(from_ms, now_ms_)) << from_ms;
    }
}

TEST_F(InboxTablesTest, AnOutageThatIsRolledBackHasNotBegun) {
    const auto settlement = settled(1, Outcome::kUnavailable);  // its text is read at the commit
    tables_->settle(settlement);
    tables_->rollback();
    tables_->begin(now_ms_);
    EXPECT_TRUE(read_outages(*database_, kPlugin).empty());
    tables_->settle(settlement);
    commit();
    EXPECT_EQ(read_outages(*database_, kPlugin).size(), 1U) << "it was taken for one that lasts";
}

}  // namespace
}  // namespace incm::inbox::sqlite::test
