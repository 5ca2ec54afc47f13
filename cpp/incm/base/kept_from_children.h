#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace incm::base {

/// Keeps descriptors of this process out of the children of fork(2), for as long as this object
/// lives.
///
/// A child that a plugin forks without exec would keep a port in use, a client waiting and a lock
/// held after this process has ended. So each such descriptor is replaced by /dev/null in the
/// child, before fork() returns there. It is not closed: objects of the child still hold its
/// number, and that number must not come to mean another file.
/// Threads: any.
/// Errors:  std::bad_alloc.
/// Source:  own choice; pthread_atfork(3). Children of vfork(2) or posix_spawn(3) call exec, which
///          closes descriptors marked O_CLOEXEC; a raw clone(2) runs no handler.
class KeptFromChildren {
 public:
    /// Keeps nothing.
    KeptFromChildren() = default;
    /// Keep an open descriptor from children; if it is a file, pipe or socket, all its duplicates
    /// too.
    [[nodiscard]] static KeptFromChildren descriptor(int descriptor);
    /// Keep every descriptor of a file from children, no matter which code opened it. Does nothing
    /// when there is no such file.
    [[nodiscard]] static KeptFromChildren file(const std::string& path);
    /// Keep a listening TCP socket, and all connections accepted on its address, from children.
    [[nodiscard]] static KeptFromChildren listener(int descriptor);

    KeptFromChildren(KeptFromChildren&& other) noexcept : id_(std::exchange(other.id_, 0)) {}
    KeptFromChildren& operator=(KeptFromChildren&& other) noexcept {
        std::swap(id_, other.id_);
        return *this;
    }
    ~KeptFromChildren();

 private:
    explicit KeptFromChildren(std::uint64_t id) : id_(id) {}

    std::uint64_t id_ = 0;  ///< of the registration; 0: nothing is registered
};

/// Restore the default action of a signal in forked children, because its handler is meant for this
/// process only.
void restore_signal_in_children(int number);

}  // namespace incm::base
