#include "incm/admin/reload_requests.h"

#include <utility>

namespace incm::admin {

base::Result<std::string> ReloadRequests::call(Parameters& given) {
    if (const auto error = given.finish()) return *error;
    std::unique_lock lock(mutex_);
    const std::uint64_t mine = ++asked_;
    lock.unlock();
    wake_();
    lock.lock();
    changed_.wait(lock, [&] { return closed_ || done_ >= mine; });
    if (done_ < mine) return base::Error{base::ErrorCode::kClosed, "the server is stopping"};
    return result_;
}

std::uint64_t ReloadRequests::begin() {
    const std::lock_guard lock(mutex_);
    return asked_;
}

void ReloadRequests::finish(std::uint64_t ticket, std::string result) {
    {
        const std::lock_guard lock(mutex_);
        done_ = ticket;
        result_ = std::move(result);
    }
    changed_.notify_all();
}

void ReloadRequests::close() {
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }
    changed_.notify_all();
}

}  // namespace incm::admin
