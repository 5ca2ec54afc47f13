#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage.h"
#include "support.h"
#include <gtest/gtest.h>

#include "incm/inbox/backup.h"
#include "incm/inbox/catalog.h"
#include "incm/inbox/inbox.h"
#include "incm/inbox/quarantine.h"

namespace incm::inbox::test {

/// A storage, a clock, a log, and an inbox that can be opened again.
class InboxFixture {
 protected:
    explicit InboxFixture(std::unique_ptr<Storage> storage) : storage_(std::move(storage)) {}

    base::Result<std::unique_ptr<Inbox>> try_open(std::vector<std::string> plugins = {"a"}) {
        Options options;
        for (std::string& plugin : plugins) {
            options.plugins.push_back({std::move(plugin)});
        }
        return try_open_with(std::move(options));
    }
    base::Result<std::unique_ptr<Inbox>> try_open_with(Options options) {
        options.clock = clock_.source();
        return storage_->open(options, log_);
    }
    void open(std::vector<std::string> plugins = {"a"}) {
        inbox_.reset();
        use(try_open(std::move(plugins)));
    }
    void open_with(Options options) {
        inbox_.reset();
        use(try_open_with(std::move(options)));
    }
    /// As open(), for plugin a with one device's alerts in order.
    void open_by_device() { open_with({.plugins = {{"a", true}}}); }
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
    /// append_later(), and wait until its callback is called.
    base::Result<Stored> append_later(NewAlert made) {
        std::promise<base::Result<Stored>> result;
        inbox_->append_later(std::move(made), std::make_unique<Promised>(result));
        return result.get_future().get();
    }
    /// Store alerts with the numbers first..last for plugin a.
    void append_range(std::uint64_t first, std::uint64_t last) {
        for (std::uint64_t number = first; number <= last; ++number) {
            EXPECT_FALSE(append(alert(number, {"a"})).duplicate);
        }
    }
    std::vector<Delivery> fetch(std::size_t max_items = 100, std::int64_t timeout_ms = 0,
                                const std::string& plugin = "a") {
        auto fetched = inbox_->fetch(plugin, max_items, timeout_ms);
        EXPECT_TRUE(fetched.ok()) << fetched.error().text;
        return fetched.ok() ? fetched.value() : std::vector<Delivery>{};
    }
    std::vector<std::int64_t> fetch_ids(std::size_t max_items = 100, std::int64_t timeout_ms = 0) {
        std::vector<std::int64_t> ids;
        for (const Delivery& delivery : fetch(max_items, timeout_ms)) {
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
    /// The ledger of a delivery, each line as `NUMBER|OUTCOME|DURATION`.
    std::vector<std::string> ledger(std::int64_t id, const std::string& plugin = "a") {
        std::vector<std::string> lines;
        const auto found = inbox_->catalog().alert(id);
        EXPECT_TRUE(found.ok() && found.value()) << id;
        for (const PluginHistory& one : found.value()->plugins) {
            for (const LedgerEntry& entry : one.ledger) {
                if (one.plugin == plugin) {
                    lines.push_back(std::to_string(entry.number) + "|" + entry.outcome + "|" +
                                    (entry.duration_ms ? std::to_string(*entry.duration_ms) : ""));
                }
            }
        }
        return lines;
    }
    /// The numbers of the alerts that are stored.
    Ids stored() {
        Ids ids;
        const auto page = inbox_->catalog().alerts({.limit = 10'000});
        EXPECT_TRUE(page.ok());
        for (const StoredAlert& one : page.value().alerts) {
            ids.push_back(one.id);
        }
        return ids;
    }
    /// The totals that are known are those of what is stored.
    void expect_totals() {
        const Counts known = counts();
        const auto counted = inbox_->catalog().counts();
        ASSERT_TRUE(counted.ok());
        EXPECT_EQ(known.open, counted.value().open);
        EXPECT_EQ(known.dead, counted.value().dead);
    }

    const std::unique_ptr<Storage> storage_;
    FakeClock clock_;
    Lines log_;
    std::unique_ptr<Inbox> inbox_;
};

/// A test of the contract, which runs over every implementation.
class InboxTest : public InboxFixture, public ::testing::TestWithParam<Implementation> {
 protected:
    InboxTest() : InboxFixture(GetParam().make_storage()) {}
};

/// Run the tests of a class over every implementation.
// NOLINTNEXTLINE(cppcoreguidelines-macro-usage): gtest's own is a macro
#define INCM_FOR_EVERY_INBOX(Class)                                                \
    INSTANTIATE_TEST_SUITE_P(Inbox, Class, ::testing::ValuesIn(implementations()), \
                             [](const auto& one) { return one.param.name; })

}  // namespace incm::inbox::test
