#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "incm/base/result.h"
#include "incm/http/connection.h"

namespace incm::http {

class ConnectionManager;
class Request;

/// The answer to one request: given at once, or taken away to be given later.
///
/// Write errors are swallowed: the client is gone then.
/// Threads: one at a time; one that was taken away may be given by any. The connection manager
/// outlives it: a
///          stop waits for those that are out.
/// Source:  own choice: a thread that waits for an fsync is two switches an alert.
class Response {
 public:
    /// keep_alive: another request may follow, unless the connection manager drains. `from` stays
    /// the caller's unless postpone() takes it.
    Response(const Request& request, std::unique_ptr<Connection>& from, ConnectionManager& manager,
             bool keep_alive);
    Response(Response&& other) noexcept = default;
    Response& operator=(Response&&) = delete;
    Response(const Response&) = delete;
    Response& operator=(const Response&) = delete;
    /// Ends the connection when the answer was taken away and never given.
    ~Response();

    /// Say this too in the answer's head.
    void add(std::string_view name, std::string_view value);

    /// Give the answer, once. HEAD gets no body.
    void send(int status, std::string_view content_type, std::string_view body);
    /// Give the problem document of an error.
    void send_problem(const base::Error& error);

    /// Take the answer and its connection away, to give it after the handler has returned. Instead
    /// of send(), and as the last that is done with this and with the request.
    [[nodiscard]] Response postpone();

    /// Whether it was given or taken away.
    [[nodiscard]] bool sent() const { return sent_; }

 private:
    Response(std::unique_ptr<Connection> connection, Response& from);

    std::unique_ptr<Connection>* place_ = nullptr;  // of a worker
    std::unique_ptr<Connection> taken_;             // from there
    ConnectionManager* manager_;
    std::string version_;
    std::string fields_;
    bool keep_alive_;
    bool sent_ = false;
};

}  // namespace incm::http
