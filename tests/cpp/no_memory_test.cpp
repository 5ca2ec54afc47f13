#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <future>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "inbox/sqlite/sqlite_fixture.h"
#include "raw_client.h"
#include <Poco/Net/ServerSocket.h>
#include <gtest/gtest.h>

#include "incm/base/clock.h"
#include "incm/http/connection_manager.h"
#include "incm/http/server.h"
#include "incm/inbox/sqlite/database_file.h"
#include "incm/inbox/sqlite/operations.h"
#include "incm/inbox/sqlite/tables.h"

namespace {

constexpr int kAny = -1;
thread_local int pieces_left = kAny;

/// While it lives, its thread gets no memory, or so many pieces.
class NoMemory {
 public:
    explicit NoMemory(int but = 0) { pieces_left = but; }
    NoMemory(const NoMemory&) = delete;
    NoMemory& operator=(const NoMemory&) = delete;
    ~NoMemory() { pieces_left = kAny; }
};

}  // namespace

// Not inlined: GCC would see free() of what came from new, and warn of it. All that ends with this
// delete: AddressSanitizer has an operator new of its own for each form.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
    void* const memory = pieces_left == 0 ? nullptr : std::malloc(size > 0 ? size : 1);
    if (memory && pieces_left > 0) --pieces_left;
    return memory;
}
[[gnu::noinline]] void* operator new(std::size_t size) {
    void* const memory = operator new(size, std::nothrow);
    if (!memory) throw std::bad_alloc();
    return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t /*size*/) noexcept {
    std::free(memory);
}

namespace {

using incm::http::Response;
using incm::testing::RawClient;

/// More than any queue has room for without more memory.
constexpr int kMany = 100;

TEST(NoMemoryTest, AnAnswerThatIsNeverGivenEndsItsConnection) {
    std::promise<std::unique_ptr<Response>> late;
    incm::http::ServerOptions options{.host = "127.0.0.1", .port = 0};
    options.rules.refused = [](const incm::base::Error&, const std::string&) {};
    incm::http::Server server(std::move(options), [&](auto&, auto& response) {
        late.set_value(std::make_unique<Response>(response.postpone()));
    });
    ASSERT_TRUE(server.start().ok());
    for (int i = 0; i < kMany; ++i) {
        RawClient client(server.port());
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        std::unique_ptr<Response> answer = late.get_future().get();
        late = {};
        {
            const NoMemory now;
            answer.reset();
        }
        EXPECT_TRUE(client.at_end());
    }
    while (server.open_connections() > 0) std::this_thread::yield();
    server.stop(60'000);
}

TEST(NoMemoryTest, AnAnswerThatFailedLeavesNoFieldsToTheNextOne) {
    incm::http::ServerOptions options{.host = "127.0.0.1", .port = 0};
    options.rules.refused = [](const incm::base::Error&, const std::string&) {};
    std::atomic<int> failures = 0;
    incm::http::Server server(std::move(options), [&](auto&, Response& response) {
        const std::string large(100'000, 'x');
        for (int pieces = 0; !response.sent(); ++pieces) {
            try {
                const NoMemory now(pieces);
                response.send(200, "text/plain", large);
            } catch (const std::bad_alloc&) {
                ++failures;
            }
        }
    });
    ASSERT_TRUE(server.start().ok());
    RawClient client(server.port());
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    const incm::testing::RawAnswer answer = client.receive();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body.size(), 100'000U);
    EXPECT_GT(failures, 0);
    for (const std::string name : {"Connection: ", "Content-Type: ", "Content-Length: "}) {
        EXPECT_NE(answer.headers.find(name), std::string::npos) << name;
        EXPECT_EQ(answer.headers.find(name), answer.headers.rfind(name)) << answer.headers;
    }
    server.stop(60'000);
}

TEST(NoMemoryTest, AConnectionManagerForgetsNoConnection) {
    const Poco::Net::ServerSocket listener{Poco::Net::SocketAddress("127.0.0.1", 0)};
    incm::http::ConnectionManager manager({.header_timeout_ms = 1}, {}, nullptr);
    manager.open(listener.impl()->sockfd());
    const RawClient silent(listener.address().port());
    while (manager.open_connections() == 0) static_cast<void>(manager.wait(100));
    const auto wait_later = [&] {  // it looks at the deadlines four times a second
        const std::int64_t before = incm::base::now().steady_ms;
        while (incm::base::now().steady_ms < before + 300) std::this_thread::yield();
    };
    wait_later();
    {
        const NoMemory now;
        EXPECT_NO_THROW(static_cast<void>(manager.wait(0)));
    }
    wait_later();
    static_cast<void>(manager.wait(0));
    EXPECT_EQ(manager.open_connections(), 0U);
}

TEST(NoMemoryTest, ACallbackThatCannotBeCalledIsDestroyed) {
    class Asked final : public incm::inbox::AppendCallback {
     public:
        explicit Asked(bool& is_gone) : is_gone_(is_gone) {}
        ~Asked() override { is_gone_ = true; }
        void on_complete(
            const incm::base::Result<incm::inbox::Stored>& /*stored*/) noexcept override {}

     private:
        bool& is_gone_;
    };
    bool is_gone = false;
    incm::inbox::test::Lines log;
    incm::inbox::sqlite::DiskReserve reserve(".", 0, log);
    const incm::inbox::sqlite::FileWatch watch("inbox.db", log);
    incm::inbox::sqlite::Append append({}, {}, reserve, watch);
    append.on_complete(std::make_unique<Asked>(is_gone));
    const incm::base::Error error{incm::base::ErrorCode::kStoreFailed,
                                  "a text that does not fit into the string itself"};
    const NoMemory now;
    append.failed(error);
    EXPECT_TRUE(is_gone);
}

/// The tables of an empty inbox, without the writer's thread.
class NoMemoryForTablesTest : public incm::inbox::sqlite::test::SqliteInboxTest {
 protected:
    void SetUp() override {
        database_ = incm::inbox::sqlite::open_writer(path(), std::nullopt, log_);
        tables_.emplace(*database_);
        tables_->begin(1);
    }
    /// Do something that ends with so little memory; false when it was enough.
    template <typename Body>
    bool fails_with(int pieces, Body body) {
        try {
            const NoMemory now(pieces);
            body();
        } catch (const std::bad_alloc&) {
            tables_->rollback();
            tables_->begin(1);
            return true;
        }
        return false;
    }
    [[nodiscard]] bool known(std::uint64_t number) {
        return tables_->append(given_.emplace_back(incm::inbox::test::alert(number)), {}).duplicate;
    }

    std::unique_ptr<incm::inbox::sqlite::Database> database_;
    std::optional<incm::inbox::sqlite::Tables> tables_;
    std::deque<incm::inbox::NewAlert> given_;  ///< alerts must live until a transaction ends
};

TEST_F(NoMemoryForTablesTest, AnAlertThatWasNotStoredIsNotRemembered) {
    const incm::inbox::NewAlert alert = incm::inbox::test::alert(1);
    int pieces = 0;
    while (fails_with(pieces, [&] { static_cast<void>(tables_->append(alert, {})); })) {
        EXPECT_FALSE(known(1)) << "after " << pieces << " pieces of memory";
        tables_->rollback();
        tables_.emplace(*database_);  // what the last one kept would be memory for the next
        tables_->begin(1);
        ++pieces;
    }
    EXPECT_GT(pieces, 0);
}

TEST_F(NoMemoryForTablesTest, ACommitFailsBeforeItIsOnDiskOrNotAtAll) {
    const std::vector<std::int64_t> ids{1};
    int pieces = 0;
    const auto store = [&] {
        EXPECT_FALSE(known(1));
        tables_->lease(1, 1, 0, ids);
    };
    store();
    while (fails_with(pieces, [&] { tables_->commit(); })) {
        store();
        ++pieces;
    }
    EXPECT_GT(pieces, 0);
    tables_->begin(1);
    EXPECT_TRUE(known(1));
}

/// An inbox whose caller gets no memory.
class NoMemoryForFetchersTest : public incm::inbox::sqlite::test::SqliteInboxTest {
 protected:
    using Ids = incm::inbox::test::Ids;

    /// Do something with more and more memory until it is enough; returns how often it was not.
    template <typename Body, typename Check>
    static int until_enough(Body body, Check check) {
        for (int pieces = 0;; ++pieces) {
            try {
                const NoMemory now(pieces);
                body();
                return pieces;
            } catch (const std::bad_alloc&) {
            }
            check();
        }
    }
    /// Only what is expected is fetched, and nothing counts as an attempt.
    void expect_untaken(const Ids& expected) {
        Ids ids;
        for (const auto& delivery : fetch()) {
            EXPECT_EQ(delivery.attempt, 1);
            ids.push_back(delivery.alert_id);
        }
        EXPECT_EQ(ids, expected);
        inbox_->give_back("a", ids);
    }
    void expect_clean_file() {
        close();
        EXPECT_EQ(incm::inbox::sqlite::test::rows(path(), "SELECT * FROM lease"),
                  (std::vector<std::string>{}));
        EXPECT_EQ(incm::inbox::sqlite::test::rows(path(), "SELECT * FROM attempt"),
                  (std::vector<std::string>{}));
    }
};

TEST_F(NoMemoryForFetchersTest, WhatCannotBeHandedOutIsNotLeased) {
    for (const bool by_device : {false, true}) {
        by_device ? open_by_device() : open();
        if (!by_device) append_range(1, 3);
        const Ids expected = by_device ? Ids{1} : Ids{1, 2, 3};
        std::vector<incm::inbox::Delivery> fetched;
        const int failures = until_enough([&] { fetched = inbox_->fetch("a", 9, 0).value(); },
                                          [&] { expect_untaken(expected); });
        EXPECT_GT(failures, 0);
        EXPECT_EQ(fetched.size(), expected.size());
        inbox_->give_back("a", expected);
        expect_clean_file();
    }
}

TEST_F(NoMemoryForFetchersTest, WhatCannotBeSettledStaysTheCallers) {
    open();
    append_range(1, 2);
    ASSERT_EQ(fetch_ids(), (Ids{1, 2}));
    const std::vector<incm::inbox::Settlement> settled{{1, "a", incm::inbox::Outcome::kDelivered},
                                                       {2, "a", incm::inbox::Outcome::kDelivered}};
    EXPECT_GT(
        until_enough([&] { inbox_->settle(settled); }, [&] { EXPECT_EQ(fetch_ids(), Ids{}); }), 0);
    flush();
    EXPECT_EQ(counts().open, 0);
    EXPECT_FALSE(log_.has("ignored"));
}

TEST_F(NoMemoryForFetchersTest, AReturnNeedsNone) {
    open();
    append_range(1, 2);
    ASSERT_EQ(fetch_ids(), (Ids{1, 2}));
    const std::string plugin = "a";
    const std::int64_t one = 1;
    {
        const NoMemory now;
        inbox_->give_back(plugin, {&one, 1});
    }
    EXPECT_EQ(fetch_ids(), Ids{1});
}

}  // namespace
