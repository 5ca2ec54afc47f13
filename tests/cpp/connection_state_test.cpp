#include "incm/http/connection_state.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "incm/http/connection.h"

namespace {

using incm::http::Connection;
using incm::http::ConnectionStage;
using incm::http::kConnectionStates;
using incm::http::row_of;
using State = incm::http::ConnectionState;
using Step = Connection::Step;

TEST(ConnectionStates, EachIsReachedFromABeginning) {
    std::uint32_t reached = 1U << static_cast<unsigned>(State::kProxyHeader);
    for (std::size_t rounds = 0; rounds < kConnectionStates.size(); ++rounds) {
        for (const auto& row : kConnectionStates) {
            if (reached >> static_cast<unsigned>(row.state) & 1U) reached |= row.nexts;
        }
    }
    EXPECT_EQ(reached, (1U << kConnectionStates.size()) - 1);
}

TEST(ConnectionStates, OpenStatesCanBeClosedAndEndsAreFinal) {
    for (const auto& row : kConnectionStates) {
        const int state = static_cast<int>(row.state);
        EXPECT_EQ(row.ends, row.stage == ConnectionStage::kClosing) << state;
        if (row.ends) {
            EXPECT_TRUE(row.state == State::kCutOff || row.may_become(State::kCutOff)) << state;
        } else {
            EXPECT_TRUE(row.may_become(State::kClosing)) << state;
            EXPECT_TRUE(row.may_become(State::kCutOff)) << state;
        }
        for (const auto& next : kConnectionStates) {
            if (row.ends) {
                EXPECT_TRUE(next.ends || !row.may_become(next.state)) << state;
            }
        }
    }
}

/// A connection over a socket pair.
class ConnectionStateTest : public testing::Test {
 protected:
    ConnectionStateTest() {
        rules_.refused = [](const incm::base::Error&, const std::string&) {};
        std::array<int, 2> ends{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
        client_ = ends[0];
        connection_ = std::make_unique<Connection>(std::make_unique<incm::net::Transport>(ends[1]),
                                                   incm::net::IpAddress(), 1, rules_, budget_);
    }
    ~ConnectionStateTest() override { ::close(client_); }

    Step send_and_advance(std::string_view bytes) {
        EXPECT_EQ(::write(client_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
        return connection_->advance(0);
    }
    /// Return what the connection has sent since the last call.
    std::string received() const {
        std::string all;
        std::array<char, 4096> part{};
        for (;;) {
            const ssize_t count = ::recv(client_, part.data(), part.size(), MSG_DONTWAIT);
            if (count <= 0) return all;
            all.append(part.data(), static_cast<std::size_t>(count));
        }
    }
    bool answer(std::size_t size, bool keep_alive) {
        connection_->mark_consumed();
        EXPECT_EQ(state(), State::kAnswering);
        return connection_->answer(std::string(size, 'x'), keep_alive, /*well=*/true);
    }
    State state() const { return connection_->state(); }

    incm::http::ConnectionRules rules_;
    incm::http::ByteBudget budget_{64 * 1024 * 1024};
    int client_ = -1;
    std::unique_ptr<Connection> connection_;
};

const std::string kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const std::string kPost = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n";

TEST_F(ConnectionStateTest, ARequestGoesThroughHeadBodyAndAnswer) {
    EXPECT_EQ(state(), State::kFirstByte);
    EXPECT_EQ(send_and_advance("POST"), Step::kWait);
    EXPECT_EQ(state(), State::kHead);
    EXPECT_EQ(send_and_advance(kPost.substr(4) + "\r\na"), Step::kWait);
    EXPECT_EQ(state(), State::kBody);
    EXPECT_EQ(send_and_advance("b"), Step::kRequest);
    EXPECT_EQ(state(), State::kRequest);
    ASSERT_TRUE(answer(10, /*keep_alive=*/true));
    EXPECT_EQ(state(), State::kSending);
    EXPECT_EQ(connection_->advance(0), Step::kWait);
    EXPECT_EQ(state(), State::kNextRequest);
    EXPECT_EQ(send_and_advance("\r\n"), Step::kWait);
    EXPECT_EQ(state(), State::kNextRequest) << "an empty line begins no request";
}

TEST_F(ConnectionStateTest, ALongAnswerIsSentBeforeTheNextRequestIsRead) {
    EXPECT_EQ(send_and_advance(kGet + kGet), Step::kRequest);
    ASSERT_TRUE(answer(4 * 1024 * 1024, /*keep_alive=*/true));
    EXPECT_EQ(connection_->advance(0), Step::kWait);
    EXPECT_EQ(state(), State::kSending);
    EXPECT_TRUE(connection_->wants_write());
    std::size_t size = 0;
    while (state() == State::kSending) {
        size += received().size();
        static_cast<void>(connection_->advance(0));
    }
    EXPECT_EQ(size + received().size(), 4U * 1024 * 1024);
    EXPECT_EQ(state(), State::kRequest);
}

TEST_F(ConnectionStateTest, AfterItsLastAnswerItIsDoneUnlessMoreHasCome) {
    EXPECT_EQ(send_and_advance("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              Step::kRequest);
    ASSERT_TRUE(answer(10, /*keep_alive=*/false));
    EXPECT_EQ(state(), State::kLastWords);
    EXPECT_EQ(connection_->advance(0), Step::kEnd);
    EXPECT_EQ(state(), State::kServedLast);
    EXPECT_TRUE(connection_->close(0));
}

TEST_F(ConnectionStateTest, TheRestOfARefusedRequestIsDiscarded) {
    EXPECT_EQ(send_and_advance("nonsense\r\n\r\n"), Step::kEnd);
    EXPECT_EQ(state(), State::kClosing);
    EXPECT_TRUE(received().starts_with("HTTP/1.1 400"));
    EXPECT_EQ(send_and_advance(kGet), Step::kEnd);
    EXPECT_FALSE(connection_->close(0));
    EXPECT_EQ(state(), State::kDiscarding);
    ::shutdown(client_, SHUT_WR);
    EXPECT_TRUE(connection_->go_on_closing());
}

TEST_F(ConnectionStateTest, AHeadThatIsLateIsRefused) {
    EXPECT_EQ(send_and_advance("GET"), Step::kWait);
    connection_->expire();
    EXPECT_EQ(state(), State::kClosing);
    EXPECT_TRUE(received().starts_with("HTTP/1.1 408"));
}

TEST_F(ConnectionStateTest, WhatASilentClientSendsWhileItsConnectionClosesIsNoticed) {
    EXPECT_EQ(send_and_advance(kGet), Step::kRequest);
    ASSERT_TRUE(answer(10, /*keep_alive=*/true));
    EXPECT_EQ(connection_->advance(0), Step::kWait);
    connection_->expire();
    EXPECT_EQ(state(), State::kSilent);
    EXPECT_FALSE(connection_->close(0));
    EXPECT_EQ(state(), State::kListening);
    ASSERT_EQ(::write(client_, "G", 1), 1);
    EXPECT_FALSE(connection_->go_on_closing());
    EXPECT_EQ(state(), State::kDiscarding);
}

TEST_F(ConnectionStateTest, AClientThatEndsWithinABodyIsAnsweredAndNotWaitedFor) {
    EXPECT_EQ(send_and_advance(kPost + "\r\n"), Step::kWait);
    ::shutdown(client_, SHUT_WR);
    EXPECT_EQ(connection_->advance(0), Step::kEnd);
    EXPECT_EQ(state(), State::kCutOff);
    EXPECT_TRUE(received().starts_with("HTTP/1.1 400"));
    EXPECT_TRUE(connection_->close(0));
}

TEST_F(ConnectionStateTest, AContinueThatTheClientDoesNotReadYetComesBeforeTheBody) {
    EXPECT_EQ(send_and_advance(kGet), Step::kRequest);
    connection_->mark_consumed();
    // Leave no room for it.
    const int descriptor = connection_->descriptor();
    while (::send(descriptor, "x", 1, MSG_DONTWAIT) == 1) {
    }
    EXPECT_EQ(send_and_advance(kPost + "Expect: 100-continue\r\n\r\n"), Step::kWait);
    EXPECT_EQ(state(), State::kContinuing);
    while (state() == State::kContinuing) {
        static_cast<void>(received());
        static_cast<void>(connection_->advance(0));
    }
    EXPECT_EQ(state(), State::kBody);
    EXPECT_TRUE(received().ends_with("HTTP/1.1 100 Continue\r\n\r\n"));
    EXPECT_EQ(send_and_advance("ab"), Step::kRequest);
}

}  // namespace
