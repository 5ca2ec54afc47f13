#include "incm/http/exchange.h"

namespace incm::http {

namespace {

bool has_request(Connection& connection, Lobby& lobby) {
    const int linger_ms = lobby.may_linger();
    const Connection::Step step = connection.advance(linger_ms);
    if (linger_ms > 0) lobby.linger_ended();
    return step == Connection::Step::kRequest;
}

}  // namespace

bool serve(std::unique_ptr<Connection>& connection, const Answer& answer, Lobby& lobby) {
    for (bool first = true; connection && has_request(*connection, lobby); first = false) {
        if (!first && lobby.is_crowded()) return true;
        connection->take_up();
        Request request(*connection);
        Response response(request, connection, lobby,
                          connection->head().keep_alive && !lobby.is_draining());
        answer(request, response);
        // Whoever waits for an answer that will not come would wait until it is closed for silence.
        if (!response.sent()) connection->abandon();
    }
    return false;
}

}  // namespace incm::http
