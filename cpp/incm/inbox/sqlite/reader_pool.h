#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "incm/inbox/sqlite/reader.h"

namespace incm::inbox::sqlite {

/// Lends read-only connections, so that no reader waits for another reader.
///
/// Errors:  SqlError when a connection cannot be opened.
/// Threads: any.
class ReaderPool {
 public:
    explicit ReaderPool(std::string path);
    ReaderPool(const ReaderPool&) = delete;
    ReaderPool& operator=(const ReaderPool&) = delete;

    /// A connection on loan, which the destructor returns to the pool.
    class Loan {
     public:
        explicit Loan(ReaderPool& pool) : pool_(pool), reader_(pool.lend()) {}
        Loan(const Loan&) = delete;
        Loan& operator=(const Loan&) = delete;
        ~Loan() {
            if (reader_) pool_.take_back(std::move(reader_));
        }
        /// False after close().
        explicit operator bool() const noexcept { return reader_ != nullptr; }
        Reader& operator*() const noexcept { return *reader_; }

     private:
        ReaderPool& pool_;
        std::unique_ptr<Reader> reader_;
    };

    /// Stop lending, and wait until all connections are returned.
    void close();

 private:
    [[nodiscard]] std::unique_ptr<Reader> lend();
    void take_back(std::unique_ptr<Reader> reader) noexcept;

    const std::string path_;
    std::mutex mutex_;
    std::condition_variable returned_;
    std::vector<std::unique_ptr<Reader>> idle_;
    std::size_t lent_ = 0;
    bool closed_ = false;
};

}  // namespace incm::inbox::sqlite
