#pragma once

#include <functional>
#include <memory>

#include "incm/http/connection.h"
#include "incm/http/connection_manager.h"
#include "incm/http/request.h"
#include "incm/http/response.h"

namespace incm::http {

/// Answers one request, or takes the answer away to give it later; may be called from many threads
/// at once; must not throw.
using Answer = std::function<void(Request&, Response&)>;

/// Answer a connection's requests until it has to wait, or has ended, or its answer was taken away:
/// it is null then.
///
/// Returns whether a request is left, because other clients wait for a worker.
/// Threads: the worker that has the connection.
[[nodiscard]] bool serve(std::unique_ptr<Connection>& connection, const Answer& answer,
                         ConnectionManager& manager);

}  // namespace incm::http
