#pragma once

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "incm/inbox/backup.h"
#include "incm/inbox/catalog.h"
#include "incm/inbox/quarantine.h"
#include "incm/inbox/sqlite/sqlite_inbox.h"

namespace incm::inbox::test {

using namespace sqlite;

/// A clock that moves when it is told.
struct FakeClock {
    std::atomic<std::int64_t> wall_ms{1'800'000'000'000};
    std::atomic<std::int64_t> steady_ms{5'000};

    void pass(std::int64_t ms) {
        wall_ms += ms;
        steady_ms += ms;
    }
    [[nodiscard]] std::function<base::Instant()> source() {
        return [this] { return base::Instant{wall_ms.load(), steady_ms.load()}; };
    }
};

class Lines final : public base::LogSink {
 public:
    void write(base::LogLevel, std::string_view text) noexcept override {
        const std::lock_guard lock(mutex_);
        lines_.emplace_back(text);
    }
    [[nodiscard]] bool has(std::string_view part) const {
        const std::lock_guard lock(mutex_);
        for (const std::string& line : lines_) {
            if (line.find(part) != std::string::npos) {
                return true;
            }
        }
        return false;
    }

 private:
    mutable std::mutex mutex_;
    std::vector<std::string> lines_;
};

/// A receipt that fulfils a promise.
class Promised final : public AppendCallback {
 public:
    explicit Promised(std::promise<base::Result<Stored>>& promise) : promise_(promise) {}
    void on_complete(const base::Result<Stored>& stored) noexcept override {
        promise_.set_value(stored);
    }

 private:
    std::promise<base::Result<Stored>>& promise_;
};

class Folder {
 public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "incm-XXXXXX").string();
        path_ = mkdtemp(name.data());
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { std::filesystem::remove_all(path_); }
    [[nodiscard]] std::string operator/(const std::string& name) const {
        return (path_ / name).string();
    }
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> all;
        for (const auto& entry : std::filesystem::directory_iterator(path_)) {
            all.push_back(entry.path().filename().string());
        }
        std::sort(all.begin(), all.end());
        return all;
    }

 private:
    std::filesystem::path path_;
};

inline std::string read_bytes(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_bytes(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

/// Run statements on a file with a connection of its own; the inbox must be closed.
inline void run_sql(const std::string& path, const std::string& sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK) << error;
    sqlite3_free(error);
    sqlite3_close(database);
}

/// The rows of a query, columns joined with '|', read-only.
inline std::vector<std::string> rows(const std::string& path, const std::string& sql) {
    sqlite3* database = nullptr;
    EXPECT_EQ(sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
    std::vector<std::string> found;
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        std::string row;
        for (int column = 0; column < sqlite3_column_count(statement); ++column) {
            const auto* text = sqlite3_column_text(statement, column);
            row += (column ? "|" : "");
            row += text ? reinterpret_cast<const char*>(text) : "NULL";
        }
        found.push_back(row);
    }
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return found;
}

inline base::Digest digest_of(std::uint64_t number) {
    base::Digest digest{};
    for (std::size_t i = 0; i < digest.size(); ++i) {
        number = number * 6364136223846793005ULL + 1442695040888963407ULL;
        digest[i] = static_cast<std::uint8_t>(number >> 56);
    }
    return digest;
}

/// An alert whose content is its number.
inline NewAlert alert(std::uint64_t number, std::vector<std::string> plugins = {}) {
    NewAlert made{};
    made.dedupe_key = digest_of(number);
    made.received_at_ms = 1'700'000'000'000;
    made.endpoint = "/alerts";
    made.form = "raw";
    made.text = "{\"number\": " + std::to_string(number) + "}";
    made.type = "test";
    made.device = "device-1";
    made.plugins = std::move(plugins);
    return made;
}

/// A folder, a clock, a log and an inbox that can be opened again.
class InboxTest : public ::testing::Test {
 protected:
    base::Result<std::unique_ptr<Inbox>> try_open(std::vector<std::string> plugins = {"a"}) {
        Options options{.plugins = {}, .clock = clock_.source()};
        for (std::string& plugin : plugins) {
            options.plugins.push_back({std::move(plugin)});
        }
        return open_at(path(), options);
    }
    base::Result<std::unique_ptr<Inbox>> open_at(const std::string& path, const Options& options) {
        auto opened = SqliteInbox::open(path, options, log_);
        if (!opened.ok()) {
            return opened.error();
        }
        return std::unique_ptr<Inbox>(std::move(opened).value());
    }
    void open(std::vector<std::string> plugins = {"a"}) {
        inbox_.reset();
        use(try_open(std::move(plugins)));
    }
    /// As open(), for plugin a with one device's alerts in order.
    void open_by_device() {
        inbox_.reset();
        use(open_at(path(), {{{"a", true}}, 0, 0, clock_.source()}));
    }
    void use(base::Result<std::unique_ptr<Inbox>> opened) {
        ASSERT_TRUE(opened.ok()) << opened.error().text;
        inbox_ = std::move(opened).value();
    }
    void close() { inbox_.reset(); }

    Stored append(NewAlert made) {
        auto stored = inbox_->append(std::move(made));
        EXPECT_TRUE(stored.ok()) << stored.error().text;
        return stored.ok() ? stored.value() : Stored{-1, false};
    }
    /// append_later(), and wait until the receipt is told.
    base::Result<Stored> append_later(NewAlert made) {
        std::promise<base::Result<Stored>> told;
        inbox_->append_later(std::move(made), std::make_unique<Promised>(told));
        return told.get_future().get();
    }
    /// Store alerts with the numbers first..last for plugin a.
    void append_range(std::uint64_t first, std::uint64_t last) {
        for (std::uint64_t number = first; number <= last; ++number) {
            EXPECT_FALSE(append(alert(number, {"a"})).duplicate);
        }
    }
    std::vector<Delivery> take(std::size_t max_items = 100, std::int64_t timeout_ms = 0,
                               const std::string& plugin = "a") {
        auto taken = inbox_->fetch(plugin, max_items, timeout_ms);
        EXPECT_TRUE(taken.ok()) << taken.error().text;
        return taken.ok() ? taken.value() : std::vector<Delivery>{};
    }
    std::vector<std::int64_t> take_ids(std::size_t max_items = 100, std::int64_t timeout_ms = 0) {
        std::vector<std::int64_t> ids;
        for (const Delivery& delivery : take(max_items, timeout_ms)) {
            ids.push_back(delivery.alert_id);
        }
        return ids;
    }
    void settle(std::int64_t id, Outcome outcome, std::int64_t retry_in_ms = 0,
                const std::string& plugin = "a", const std::string& error = "why") {
        inbox_->settle({{id, plugin, outcome, retry_in_ms, 7, error}});
    }
    /// Settle an attempt that raised.
    void fail(std::int64_t id, const std::string& traceback, Outcome outcome = Outcome::kRetry) {
        inbox_->settle({{id, "a", outcome, 0, 7, "why", traceback}});
    }
    /// A commit after everything that was settled before.
    void flush() { append(alert(0)); }
    Counts counts() {
        auto counted = inbox_->counts();
        EXPECT_TRUE(counted.ok());
        return counted.ok() ? counted.value() : Counts{};
    }
    /// What is stored of how many are open and dead, and known of it, is so of the rows.
    void expect_totals() {
        const auto is = [&](const std::string& key, const std::string& dead, std::int64_t known) {
            const auto counted = rows(path(), "SELECT count(*) FROM delivery WHERE dead = " + dead);
            EXPECT_EQ(rows(path(), "SELECT value FROM meta WHERE key = '" + key + "'"), counted);
            EXPECT_EQ(std::vector<std::string>{std::to_string(known)}, counted);
        };
        const Counts now = counts();
        is("open", "0", now.open);
        is("dead", "1", now.dead);
    }
    [[nodiscard]] std::string path() const { return folder_ / "inbox.db"; }

    Folder folder_;
    FakeClock clock_;
    Lines log_;
    std::unique_ptr<Inbox> inbox_;
};

using Ids = std::vector<std::int64_t>;

}  // namespace incm::inbox::test
