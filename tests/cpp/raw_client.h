#pragma once

#include <cstdint>
#include <string>

#include <Poco/Net/StreamSocket.h>

namespace incm::testing {

/// An HTTP answer as far as the tests look at it.
struct RawAnswer {
    int status = 0;       ///< 0: the connection ended without an answer
    std::string headers;  ///< status line and header lines
    std::string body;
};

/// Speaks to a server on loopback byte by byte, so that tests can send what no HTTP library would.
class RawClient {
 public:
    explicit RawClient(std::uint16_t port) : socket_(Poco::Net::SocketAddress("127.0.0.1", port)) {
        socket_.setReceiveTimeout(Poco::Timespan(30, 0));
    }

    void send(const std::string& bytes) {
        std::size_t sent = 0;
        while (sent < bytes.size()) {
            sent += static_cast<std::size_t>(
                socket_.sendBytes(bytes.data() + sent, static_cast<int>(bytes.size() - sent)));
        }
    }

    /// Wait until something came, and leave it there.
    void await() {
        char first = 0;
        socket_.receiveBytes(&first, 1, MSG_PEEK);
    }
    void finish_sending() { socket_.shutdownSend(); }

    /// Read one answer with a Content-Length.
    RawAnswer receive() {
        RawAnswer answer;
        std::size_t head = std::string::npos;
        while ((head = buffer_.find("\r\n\r\n")) == std::string::npos) {
            if (!fill()) return answer;
        }
        answer.headers = buffer_.substr(0, head + 2);
        answer.status = std::stoi(answer.headers.substr(answer.headers.find(' ') + 1, 3));
        const std::size_t field = answer.headers.find("Content-Length: ");
        const std::size_t length =
            field == std::string::npos ? 0 : std::stoul(answer.headers.substr(field + 16));
        buffer_.erase(0, head + 4);
        while (buffer_.size() < length && fill()) {
        }
        answer.body = buffer_.substr(0, length);
        buffer_.erase(0, length);
        return answer;
    }

    /// Whether the server has closed, after everything before was read.
    bool at_end() { return buffer_.empty() && !fill(); }

 private:
    bool fill() {
        char part[4096];
        const int count = socket_.receiveBytes(part, sizeof part);
        if (count > 0) buffer_.append(part, static_cast<std::size_t>(count));
        return count > 0;
    }

    Poco::Net::StreamSocket socket_;
    std::string buffer_;
};

}  // namespace incm::testing
