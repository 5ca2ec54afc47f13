#include <algorithm>
#include <utility>

#include "memory_parts.h"

#include "incm/inbox/errors.h"

namespace incm::inbox::test {

namespace {

using Lock = std::unique_lock<std::mutex>;

struct Size {
    std::int64_t count = 0;
    std::int64_t bytes = 0;

    void add(const QuarantinedRequest& request) {
        ++count;
        bytes += static_cast<std::int64_t>(request.body.size());
    }
};

bool is_authentic(const QuarantinedRequest& request) {
    return request.kind == QuarantineKind::kNotJson;
}

}  // namespace

base::Status MemoryInbox::MemoryQuarantine::keep(QuarantinedRequest rejected) {
    const Lock lock(store_.mutex);
    if (inbox_.closed_) {
        return closed_error();
    }
    inbox_.touch();
    store_.quarantine.erase(rejected.replaces);
    const bool is_known =
        rejected.identity && std::ranges::any_of(store_.quarantine, [&](auto& one) {
            return one.second.identity == rejected.identity;
        });
    if (is_known) {
        return base::success();
    }
    if (rejected.signature) {
        rejected.signature = rejected.signature->substr(0, kMaxSignatureBytes);
    }
    rejected.content_type = rejected.content_type.substr(0, kMaxContentTypeBytes);
    const bool authentic = is_authentic(rejected);
    store_.quarantine[++store_.last_quarantine_id] = std::move(rejected);
    authentic ? trim_authentic() : trim_hostile();
    return base::success();
}

bool MemoryInbox::MemoryQuarantine::keep_later(QuarantinedRequest rejected,
                                               std::function<void()> /*not_kept*/) {
    return keep(std::move(rejected)).ok();
}

base::Result<std::int64_t> MemoryInbox::MemoryQuarantine::drop(std::vector<std::int64_t> ids) {
    const Lock lock(store_.mutex);
    if (inbox_.closed_) {
        return closed_error();
    }
    inbox_.touch();
    std::int64_t dropped = 0;
    for (const std::int64_t id : ids) {
        dropped += static_cast<std::int64_t>(store_.quarantine.erase(id));
    }
    return dropped;
}

void MemoryInbox::MemoryQuarantine::trim_authentic() {
    for (;;) {
        Size size;
        auto oldest = store_.quarantine.end();
        for (auto one = store_.quarantine.begin(); one != store_.quarantine.end(); ++one) {
            if (is_authentic(one->second)) {
                size.add(one->second);
                oldest = oldest == store_.quarantine.end() ? one : oldest;
            }
        }
        if (size.count <= 1 || (size.count <= kMaxRejected && size.bytes <= kMaxRejectedBytes)) {
            return;
        }
        store_.quarantine.erase(oldest);
    }
}

/// Over a bound, the source with the most goes first if that is more than its share, else the
/// oldest.
void MemoryInbox::MemoryQuarantine::trim_hostile() {
    for (;;) {
        Size all;
        std::map<std::string, Size> by_source;
        for (const auto& [id, request] : store_.quarantine) {
            if (!is_authentic(request)) {
                all.add(request);
                by_source[request.source].add(request);
            }
        }
        const bool too_many = all.count > kMaxHostile;
        if (!too_many && all.bytes <= kMaxHostileBytes) {
            return;
        }
        const auto measure = [&](const Size& size) { return too_many ? size.count : size.bytes; };
        const auto largest = std::ranges::max_element(
            by_source, {}, [&](const auto& one) { return measure(one.second); });
        const std::int64_t share = (too_many ? kMaxHostile : kMaxHostileBytes) / kSharesOfHostile;
        const bool by_largest = measure(largest->second) > share;
        const auto victim = std::ranges::find_if(store_.quarantine, [&](const auto& one) {
            return !is_authentic(one.second) &&
                   (!by_largest || one.second.source == largest->first);
        });
        store_.quarantine.erase(victim);
    }
}

}  // namespace incm::inbox::test
