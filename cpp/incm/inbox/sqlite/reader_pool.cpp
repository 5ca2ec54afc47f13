#include "incm/inbox/sqlite/reader_pool.h"

#include <utility>

namespace incm::inbox::sqlite {

namespace {

/// Few connections stay open: each keeps pages in memory, and a selection lasts a few milliseconds
/// at most.
constexpr std::size_t kMaxIdle = 4;

}  // namespace

ReaderPool::ReaderPool(std::string path) : path_(std::move(path)) {
    idle_.reserve(kMaxIdle);
    idle_.push_back(std::make_unique<Reader>(path_));
}

std::unique_ptr<Reader> ReaderPool::lend() {
    {
        const std::lock_guard lock(mutex_);
        if (closed_) {
            return nullptr;
        }
        ++lent_;
        if (!idle_.empty()) {
            std::unique_ptr<Reader> reader = std::move(idle_.back());
            idle_.pop_back();
            return reader;
        }
    }
    try {
        return std::make_unique<Reader>(path_);
    } catch (...) {
        take_back(nullptr);
        throw;
    }
}

void ReaderPool::take_back(std::unique_ptr<Reader> reader) noexcept {
    const std::lock_guard lock(mutex_);
    if (reader && idle_.size() < kMaxIdle && !closed_) {
        idle_.push_back(std::move(reader));
    }
    reader.reset();  // before close() can continue
    if (--lent_ == 0) {
        returned_.notify_all();
    }
}

void ReaderPool::close() {
    std::unique_lock lock(mutex_);
    closed_ = true;
    returned_.wait(lock, [this] { return lent_ == 0; });
    idle_.clear();
}

}  // namespace incm::inbox::sqlite
