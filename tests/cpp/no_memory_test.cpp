#include <cstdint>
#include <cstdlib>
#include <future>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <utility>

#include "inbox_support.h"
#include "raw_client.h"
#include <Poco/Net/ServerSocket.h>
#include <gtest/gtest.h>

#include "incm/base/clock.h"
#include "incm/http/lobby.h"
#include "incm/http/server.h"
#include "incm/inbox/operations.h"

namespace {

thread_local bool no_memory = false;

/// While it lives, its thread gets no memory.
class NoMemory {
 public:
    NoMemory() { no_memory = true; }
    NoMemory(const NoMemory&) = delete;
    NoMemory& operator=(const NoMemory&) = delete;
    ~NoMemory() { no_memory = false; }
};

}  // namespace

void* operator new(std::size_t size) {
    void* const memory = no_memory ? nullptr : std::malloc(size > 0 ? size : 1);
    if (!memory) throw std::bad_alloc();
    return memory;
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t /*size*/) noexcept {
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

TEST(NoMemoryTest, ALobbyForgetsNobody) {
    const Poco::Net::ServerSocket listener{Poco::Net::SocketAddress("127.0.0.1", 0)};
    incm::http::Lobby lobby({.header_timeout_ms = 1}, {}, nullptr);
    lobby.open(listener.impl()->sockfd());
    const RawClient silent(listener.address().port());
    while (lobby.open_connections() == 0) static_cast<void>(lobby.wait(100));
    const auto wait_later = [&] {  // it looks at the deadlines four times a second
        const std::int64_t before = incm::base::now().steady_ms;
        while (incm::base::now().steady_ms < before + 300) std::this_thread::yield();
    };
    wait_later();
    {
        const NoMemory now;
        EXPECT_NO_THROW(static_cast<void>(lobby.wait(0)));
    }
    wait_later();
    static_cast<void>(lobby.wait(0));
    EXPECT_EQ(lobby.open_connections(), 0U);
}

TEST(NoMemoryTest, AReceiptThatCannotBeToldIsGivenUp) {
    class Asked final : public incm::inbox::Receipt {
     public:
        explicit Asked(bool& is_gone) : is_gone_(is_gone) {}
        ~Asked() override { is_gone_ = true; }
        void told(const incm::base::Result<incm::inbox::Stored>& /*stored*/) noexcept override {}

     private:
        bool& is_gone_;
    };
    bool is_gone = false;
    incm::inbox::test::Lines log;
    incm::inbox::DiskReserve reserve(".", 0, log);
    incm::inbox::Append append({}, {}, reserve);
    append.tell(std::make_unique<Asked>(is_gone));
    const incm::base::Error error{incm::base::ErrorCode::kStoreFailed,
                                  "a text that does not fit into the string itself"};
    const NoMemory now;
    append.failed(error);
    EXPECT_TRUE(is_gone);
}

}  // namespace
