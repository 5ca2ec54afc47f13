#include "incm/http/exchange.h"

namespace incm::http {

namespace {

/// A lobby's leave to wait.
class Linger {
 public:
    explicit Linger(Lobby& lobby) : lobby_(lobby), ms_(lobby.may_linger()) {}
    Linger(const Linger&) = delete;
    Linger& operator=(const Linger&) = delete;
    ~Linger() {
        if (ms_ > 0) lobby_.linger_ended();
    }
    [[nodiscard]] int ms() const { return ms_; }

 private:
    Lobby& lobby_;
    const int ms_;
};

bool has_request(Connection& connection, Lobby& lobby) {
    const Linger linger(lobby);
    return connection.advance(linger.ms()) == Connection::Step::kRequest;
}

}  // namespace

bool serve(std::unique_ptr<Connection>& connection, const Answer& answer, Lobby& lobby) {
    for (bool first = true; connection && has_request(*connection, lobby); first = false) {
        if (!first && lobby.is_crowded()) return true;
        connection->take_up();
        Request request(*connection);
        Response response(request, connection, lobby, connection->head().keep_alive);
        answer(request, response);
        // Whoever waits for an answer that will not come would wait until it is closed for silence.
        if (!response.sent()) connection->abandon();
    }
    return false;
}

}  // namespace incm::http
