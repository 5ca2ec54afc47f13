#pragma once

#include <list>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "incm/base/result.h"

namespace incm::inbox::sqlite {

class Tables;

/// One change that the writer makes together with others.
class Operation {
 public:
    /// In a list, so that one can be handed over, and put somewhere else, without memory.
    using List = std::list<std::unique_ptr<Operation>>;

    Operation() = default;
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;
    virtual ~Operation() = default;

    /// Make the change. May run again after a transaction that failed. Errors: SqlError, bad_alloc.
    virtual void execute(Tables& tables) = 0;
    /// The change is on disk.
    virtual void committed() noexcept {}
    /// Whether it shows that alerts can be stored. After execute().
    [[nodiscard]] virtual bool stores_alert() const noexcept { return false; }
    /// The change was not made, and is not tried again. Not for those whose threads wait: they are
    /// told by run().
    virtual void failed(const base::Error& /*error*/) noexcept {}
    /// The same change as several smaller ones, each of which can be made without the others; empty
    /// when it cannot be divided. Errors: bad_alloc.
    [[nodiscard]] virtual List parts() const { return {}; }

 private:
    friend class Writer;
    /// What may help one that was not made.
    enum class Remedy { kAnotherDisk, kMoreMemory, kNone };
    /// Why a transaction was not made.
    struct Failure {
        base::Error error;
        Remedy remedy;
    };

    void refuse(const Failure& failure) noexcept {
        try {
            failure_ = failure;
        } catch (const std::bad_alloc&) {  // a short text takes none
            failure_.emplace(Failure{{failure.error.code, "no memory", {}}, failure.remedy});
        }
    }

    std::optional<Failure> failure_;  ///< of the last time
    int times_alone_ = 0;             ///< that it was tried in a transaction of its own
};

}  // namespace incm::inbox::sqlite
