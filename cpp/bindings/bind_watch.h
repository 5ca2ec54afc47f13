#pragma once

#include <memory>

#include "incm/base/log.h"
#include "incm/receiver/python_watch.h"

namespace incm::bindings {

/// A watch with the log that it uses.
struct WatchView {
    base::StderrSink log;
    receiver::PythonWatch watch{log};
};

/// Return the board of a watch, which keeps the watch alive; null without a watch.
[[nodiscard]] std::shared_ptr<const admin::PluginBoard> board_of(
    const std::shared_ptr<WatchView>& view);

}  // namespace incm::bindings
