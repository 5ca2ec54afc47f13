#pragma once

#include <string>
#include <vector>

#include "incm/base/result.h"
#include "incm/inbox/records.h"

namespace incm::inbox {

/// The plugins that get deliveries, changed while the inbox is open.
///
/// Threads: any; one at a time may call add() and keep().
/// Source:  docs/inbox.md, Plugins that come and go.
class PluginRoll {
 public:
    PluginRoll() = default;
    PluginRoll(const PluginRoll&) = delete;
    PluginRoll& operator=(const PluginRoll&) = delete;
    virtual ~PluginRoll() = default;

    /// Let these plugins have deliveries, besides those that can have some already, which stay as
    /// they are. Blocks until new names are durable.
    /// Errors:  kStoreFailed, kClosed; kBadConfig for a name that is empty or occurs twice. No
    ///          plugin was added then.
    [[nodiscard]] virtual base::Status add(const std::vector<PluginOptions>& plugins) = 0;
    /// Count these plugins, which were added, and no others as configured.
    ///
    /// A plugin that is no longer configured keeps its open deliveries, and what still settles
    /// them; an alert whose routes were chosen before still gets a delivery for it.
    virtual void keep(const std::vector<std::string>& names) = 0;
    /// Make every waiting fetch() of a plugin return now, and every later one return at once with
    /// what is due, until resume(). Does nothing for a plugin that was not added.
    virtual void hurry(const std::string& plugin) = 0;
    /// Let fetch() of a plugin wait again, and deliver by device, or not, from now on.
    /// Errors:  kBadConfig: it was not added; or the order is another one, and a delivery is still
    ///          leased. kStoreFailed, kClosed. Nothing has changed then.
    [[nodiscard]] virtual base::Status resume(const std::string& plugin, bool by_device) = 0;
};

}  // namespace incm::inbox
