#pragma once

#include <functional>
#include <memory>

#include "incm/http/connection.h"
#include "incm/http/connection_manager.h"
#include "incm/http/request.h"
#include "incm/http/response.h"

namespace incm::http {

/// Answers one request, or postpones the answer. May be called from many threads at once; must not
/// throw.
using Answer = std::function<void(Request&, Response&)>;

/// Answer the requests of a connection until it has to wait, has ended, or its answer is postponed.
/// The connection is null in the last case.
///
/// Returns: whether a further request is left, because other clients wait for a worker.
/// Threads: the worker that holds the connection.
[[nodiscard]] bool serve(std::unique_ptr<Connection>& connection, const Answer& answer,
                         ConnectionManager& manager);

}  // namespace incm::http
