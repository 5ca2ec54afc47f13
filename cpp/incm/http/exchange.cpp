#include "incm/http/exchange.h"

namespace incm::http {

namespace {

/// Reserves the time that a worker may wait for the next request of its client.
class KeepAliveWait {
 public:
    explicit KeepAliveWait(ConnectionManager& manager)
        : manager_(manager), ms_(manager.begin_keep_alive_wait()) {}
    KeepAliveWait(const KeepAliveWait&) = delete;
    KeepAliveWait& operator=(const KeepAliveWait&) = delete;
    ~KeepAliveWait() {
        if (ms_ > 0) manager_.end_keep_alive_wait();
    }
    [[nodiscard]] int ms() const { return ms_; }

 private:
    ConnectionManager& manager_;
    const int ms_;
};

bool has_request(Connection& connection, ConnectionManager& manager) {
    const KeepAliveWait allowed(manager);
    return connection.advance(allowed.ms()) == Connection::Step::kRequest;
}

}  // namespace

bool serve(std::unique_ptr<Connection>& connection, const Answer& answer,
           ConnectionManager& manager) {
    for (bool first = true; connection && has_request(*connection, manager); first = false) {
        if (!first && manager.is_crowded()) return true;
        connection->mark_consumed();
        Request request(*connection);
        Response response(request, connection, manager, connection->head().keep_alive);
        answer(request, response);
        // Without an answer the client would wait until it is closed for its silence.
        if (!response.sent()) connection->abandon();
    }
    return false;
}

}  // namespace incm::http
