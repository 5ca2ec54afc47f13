#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "incm/base/log.h"
#include "incm/base/result.h"
#include "incm/inbox/inbox.h"

namespace incm::inbox::test {

/// A place for an inbox. It outlives the inbox, so that another one can be opened there.
class Storage {
 public:
    Storage() = default;
    Storage(const Storage&) = delete;
    Storage& operator=(const Storage&) = delete;
    virtual ~Storage() = default;
    [[nodiscard]] virtual base::Result<std::unique_ptr<Inbox>> open(const Options& options,
                                                                    base::LogSink& log) = 0;
};

/// An implementation of the inbox, over which the conformance suite runs.
struct Implementation {
    std::string name;
    std::unique_ptr<Storage> (*make_storage)();
};

inline std::ostream& operator<<(std::ostream& out, const Implementation& implementation) {
    return out << implementation.name;
}

/// Every implementation. A new backend is added here, and nowhere else.
[[nodiscard]] const std::vector<Implementation>& implementations();

}  // namespace incm::inbox::test
