#include "incm/http/response.h"

#include <chrono>
#include <utility>

#include "incm/http/answer_text.h"
#include "incm/http/connection_manager.h"
#include "incm/http/problem.h"
#include "incm/http/request.h"

namespace incm::http {

namespace {

constexpr std::size_t kUsualFields = 192;
constexpr std::string_view kLastFields = "Connection: Close\r\n";

std::int64_t now_us() {
    using std::chrono::microseconds;
    const auto since = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<microseconds>(since).count();
}

}  // namespace

Response::Response(const Request& request, std::unique_ptr<Connection>& from,
                   ConnectionManager& manager, bool keep_alive)
    : place_(&from), manager_(&manager), version_(request.version()), keep_alive_(keep_alive) {
    fields_.reserve(kUsualFields);
    add("Date", http_date());
    AccessLog* const log = manager.rules().access;
    if (log && log->wants_next()) begin_access(request);
}

void Response::begin_access(const Request& request) {
    access_ = std::make_unique<Access>();
    access_->client = request.client(manager_->rules()).text();
    // No more than a line can have: many of these wait, and anybody can send long ones.
    access_->method = request.method().substr(0, kMostLoggedMethod + 1);
    access_->path = request.path().substr(0, kMostLoggedPath + 1);
    access_->began_us = now_us();
}

/// Report the request, whose answer is complete. Nothing is left to report then.
void Response::end_access(int status, std::size_t bytes) noexcept {
    const std::unique_ptr<Access> access = std::move(access_);
    if (!access) return;
    access->status = status;
    access->bytes = bytes;
    access->took_us = now_us() - access->began_us;
    manager_->rules().access->note(std::move(*access));
}

Response::Response(std::unique_ptr<Connection> connection, Response& from)
    : postponed_(std::move(connection)),
      manager_(from.manager_),
      access_(std::move(from.access_)),
      version_(std::move(from.version_)),
      fields_(std::move(from.fields_)),
      keep_alive_(from.keep_alive_) {}

Response::~Response() {
    end_access(0, 0);
    if (!postponed_) return;
    postponed_->abandon();
    manager_->answered(std::move(postponed_));
}

void Response::add(std::string_view name, std::string_view value) {
    add_field(fields_, name, value);
}

void Response::send(int status, std::string_view content_type, std::string_view body) {
    // A drain may have begun since the answer was postponed.
    const bool keep_alive = keep_alive_ && !manager_->is_draining();
    Connection& connection = postponed_ ? *postponed_ : **place_;
    const std::size_t given = fields_.size();
    std::size_t sent_bytes = 0;
    try {
        fields_.append(keep_alive ? manager_->kept_fields() : kLastFields);
        add("Content-Type", content_type);
        add("Content-Length", std::to_string(body.size()));
        if (connection.head().head_only) body = {};
        sent_bytes = body.size();
        if (!connection.answer(answer_text(version_, status, fields_, body), keep_alive,
                               status < 300)) {
            const base::Error busy{base::ErrorCode::kBusy,
                                   "too many long answers are still being sent"};
            if (!connection.answer(refusal_text(busy, connection.head().head_only), false, false)) {
                connection.abandon();
            }
        }
    } catch (...) {  // no memory: another answer may follow, with its own length
        fields_.resize(given);
        throw;
    }
    sent_ = true;
    end_access(status, sent_bytes);
    if (postponed_) manager_->answered(std::move(postponed_));
}

void Response::send_problem(const base::Error& error) {
    add_problem_fields(fields_, error);
    send(problem_for(error.code).status, kProblemType, problem_json(error));
}

Response Response::postpone() {
    sent_ = true;
    return {std::move(*place_), *this};
}

}  // namespace incm::http
