#include "incm/http/idle_connections.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "incm/base/clock.h"
#include "incm/http/connection.h"

namespace {

using incm::http::Connection;

std::int64_t now_ms() {
    return incm::base::now().steady_ms;
}

void pass_a_moment() {
    const std::int64_t before = now_ms();
    while (now_ms() < before + 2) std::this_thread::yield();
}

/// Connections over socket pairs, each with the descriptor of its client.
class IdleConnectionsTest : public testing::Test {
 protected:
    struct Guest {
        std::unique_ptr<Connection> connection;
        int client;
    };
    ~IdleConnectionsTest() override {
        for (const int client : clients_) ::close(client);
    }

    Guest come() {
        std::array<int, 2> pair{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
        clients_.push_back(pair[1]);
        return {std::make_unique<Connection>(std::make_unique<incm::net::Transport>(pair[0]),
                                             incm::net::IpAddress(), 1, rules_, budget_),
                pair[1]};
    }
    static void send_to(const Guest& guest, std::string_view bytes) {
        EXPECT_EQ(::write(guest.client, bytes.data(), bytes.size()),
                  static_cast<ssize_t>(bytes.size()));
    }
    static void exchange(const Guest& guest, bool well) {
        send_to(guest, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        ASSERT_EQ(guest.connection->advance(0), Connection::Step::kRequest);
        guest.connection->mark_consumed();
        EXPECT_TRUE(guest.connection->answer("HTTP/1.1 200 OK\r\n\r\n", /*keep_alive=*/true, well));
        ASSERT_EQ(guest.connection->advance(0), Connection::Step::kWait);
    }

    incm::http::ConnectionRules rules_;
    incm::http::ByteBudget budget_{1024};
    incm::http::IdleConnections idle_;
    std::vector<int> clients_;
};

TEST_F(IdleConnectionsTest, ARefusedRequestMakesAConnectionNoYounger) {
    Guest known = come();
    Guest stranger = come();
    const std::int64_t came_ms = now_ms();
    pass_a_moment();
    exchange(known, true);
    exchange(stranger, false);
    Connection* const expected = stranger.connection.get();
    ASSERT_TRUE(idle_.put(known.connection));
    ASSERT_TRUE(idle_.put(stranger.connection));
    EXPECT_EQ(idle_.evict_longest_idle(came_ms).get(), expected);
    EXPECT_EQ(idle_.evict_longest_idle(came_ms), nullptr);
}

TEST_F(IdleConnectionsTest, NorDoesTheBeginningOfAnotherRequest) {
    Guest newcomer = come();
    Guest stranger = come();
    const std::int64_t came_ms = now_ms();
    pass_a_moment();
    exchange(stranger, false);
    for (const Guest* guest : {&newcomer, &stranger}) {
        send_to(*guest, "GET");
        ASSERT_EQ(guest->connection->advance(0), Connection::Step::kWait);
    }
    Connection* const expected = stranger.connection.get();
    ASSERT_TRUE(idle_.put(newcomer.connection));
    ASSERT_TRUE(idle_.put(stranger.connection));
    EXPECT_EQ(idle_.remove_slowest(came_ms).get(), expected);
    EXPECT_EQ(idle_.remove_slowest(came_ms), nullptr);
}

}  // namespace
