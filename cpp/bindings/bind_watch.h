#pragma once

#include <memory>

#include "incm/base/log.h"
#include "incm/receiver/python_watch.h"

namespace incm::bindings {

/// A watch and the log that it needs for as long as it lives.
struct WatchView {
    base::StderrSink log;
    receiver::PythonWatch watch{log};
};

/// Its board, for as long as somebody reads it; null without a watch.
[[nodiscard]] std::shared_ptr<const admin::PluginBoard> board_of(
    const std::shared_ptr<WatchView>& view);

}  // namespace incm::bindings
