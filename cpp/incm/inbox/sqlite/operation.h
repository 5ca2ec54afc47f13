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

/// A change that the writer makes together with others in one transaction.
class Operation {
 public:
    /// A linked list, so that an operation can move to another list without allocating memory.
    using List = std::list<std::unique_ptr<Operation>>;

    Operation() = default;
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;
    virtual ~Operation() = default;

    /// Make the change. Runs again if the transaction failed. Errors: SqlError, bad_alloc.
    virtual void execute(Tables& tables) = 0;
    /// Called when the change is on disk.
    virtual void committed() noexcept {}
    /// Whether the change proves that alerts can be stored. Call it after execute().
    [[nodiscard]] virtual bool stores_alert() const noexcept { return false; }
    /// Called when the change was not made and is not tried again. Not called when a thread waits
    /// in run(), which returns the error instead.
    virtual void failed(const base::Error& /*error*/) noexcept {}
    /// Split the change into smaller ones, each of which can be made without the others; empty when
    /// it cannot be divided.
    /// Errors:  bad_alloc.
    [[nodiscard]] virtual List parts() const { return {}; }

 private:
    friend class Writer;
    /// What may help after a failure.
    enum class Remedy { kAnotherDisk, kMoreMemory, kNone };
    /// Why a transaction failed.
    struct Failure {
        base::Error error;
        Remedy remedy;
    };

    void refuse(const Failure& failure) noexcept {
        try {
            failure_ = failure;
        } catch (const std::bad_alloc&) {  // a short text needs no allocation
            failure_.emplace(Failure{{failure.error.code, "no memory", {}}, failure.remedy});
        }
    }

    std::optional<Failure> failure_;  ///< of the last attempt
    int times_alone_ = 0;             ///< how often it was tried in a transaction of its own
};

}  // namespace incm::inbox::sqlite
