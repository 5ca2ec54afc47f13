#include "incm/http/exchange.h"

namespace incm::http {

namespace {

/// A connection manager's leave to wait.
class KeepAliveWait {
 public:
    explicit KeepAliveWait(ConnectionManager& manager)
        : manager_(manager), ms_(manager.may_linger()) {}
    KeepAliveWait(const KeepAliveWait&) = delete;
    KeepAliveWait& operator=(const KeepAliveWait&) = delete;
    ~KeepAliveWait() {
        if (ms_ > 0) manager_.linger_ended();
    }
    [[nodiscard]] int ms() const { return ms_; }

 private:
    ConnectionManager& manager_;
    const int ms_;
};

bool has_request(Connection& connection, ConnectionManager& manager) {
    const KeepAliveWait linger(manager);
    return connection.advance(linger.ms()) == Connection::Step::kRequest;
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
        // Whoever waits for an answer that will not come would wait until it is closed for silence.
        if (!response.sent()) connection->abandon();
    }
    return false;
}

}  // namespace incm::http
