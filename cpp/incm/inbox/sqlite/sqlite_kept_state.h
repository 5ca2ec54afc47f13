#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "incm/inbox/kept_state.h"
#include "incm/inbox/sqlite/pending_state.h"

namespace incm::inbox::sqlite {

class Writer;

/// Reads the state of plugins on a connection of its own, which the first question opens, and has
/// the writer change it.
///
/// Threads: any.
class SqliteKeptState final : public KeptState {
 public:
    /// The references must outlive this object.
    SqliteKeptState(std::string path, Writer& writer, PendingState& pending);
    SqliteKeptState(const SqliteKeptState&) = delete;
    SqliteKeptState& operator=(const SqliteKeptState&) = delete;
    ~SqliteKeptState() override;

    [[nodiscard]] base::Result<std::optional<std::string>> get(const std::string& plugin,
                                                               const std::string& key) override;
    [[nodiscard]] base::Result<StatePage> page(const StateQuery& query) override;
    [[nodiscard]] base::Result<std::int64_t> count(const std::string& plugin) override;
    [[nodiscard]] base::Result<std::int64_t> write(const std::string& plugin,
                                                   std::vector<StateChange> changes) override;

    /// Close the connection; every later question fails with kClosed.
    void close();

 private:
    struct Reading;
    template <typename Answer>
    [[nodiscard]] auto ask(const Answer& answer)
        -> base::Result<decltype(answer(std::declval<Reading&>()))>;

    const std::string path_;
    Writer& writer_;
    PendingState& pending_;
    std::mutex asking_;
    std::unique_ptr<Reading> reading_;  ///< guarded by asking_, as is closed_
    bool closed_ = false;
};

}  // namespace incm::inbox::sqlite
