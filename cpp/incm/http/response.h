#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "incm/base/result.h"
#include "incm/http/access_log.h"
#include "incm/http/connection.h"

namespace incm::http {

class ConnectionManager;
class Request;

/// The answer to one request, given at once or postponed.
///
/// Write errors are ignored, because the client is gone then.
/// Threads: one at a time; a postponed answer may be given by any thread. The connection manager
///          outlives it: a stop waits for postponed answers.
/// Source:  own choice: a thread that waits for an fsync costs two context switches for each alert.
class Response {
 public:
    /// keep_alive: another request may follow, unless the connection manager drains. `from` stays
    /// with the caller unless postpone() takes it.
    Response(const Request& request, std::unique_ptr<Connection>& from, ConnectionManager& manager,
             bool keep_alive);
    Response(Response&& other) noexcept = default;
    Response& operator=(Response&&) = delete;
    Response(const Response&) = delete;
    Response& operator=(const Response&) = delete;
    /// Ends the connection when the answer was postponed and never given.
    ~Response();

    /// Note the alert that the request brought, for the access log.
    void note_alert(std::int64_t id) noexcept {
        if (access_) access_->alert_id = id;
    }

    /// Add a header field.
    void add(std::string_view name, std::string_view value);

    /// Give the answer, once. For HEAD the body is left out.
    void send(int status, std::string_view content_type, std::string_view body);
    /// Give the problem document of an error as the answer.
    void send_problem(const base::Error& error);

    /// Take the answer and its connection over, to give the answer after the handler has returned.
    /// Call it instead of send(); neither this object nor the request may be used afterwards.
    [[nodiscard]] Response postpone();

    /// Whether the answer was given or postponed.
    [[nodiscard]] bool sent() const { return sent_; }

 private:
    Response(std::unique_ptr<Connection> connection, Response& from);
    void begin_access(const Request& request);
    void end_access(int status, std::size_t bytes) noexcept;

    std::unique_ptr<Connection>* place_ = nullptr;  // where the worker keeps the connection
    std::unique_ptr<Connection> postponed_;         // the connection of a postponed answer
    ConnectionManager* manager_;
    std::unique_ptr<Access> access_;  // null: this request is not reported
    std::string version_;
    std::string fields_;
    bool keep_alive_;
    bool sent_ = false;
};

}  // namespace incm::http
