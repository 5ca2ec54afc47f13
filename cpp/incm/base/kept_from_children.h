#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace incm::base {

/// Something of this process that a child of fork(2) must not hold, for as long as this object
/// lives.
///
/// A child that a plugin forks without exec would keep a port taken, a client waiting and a lock
/// held after this process has ended. So the child, before fork() returns in it, gets /dev/null in
/// the place of each such descriptor. It is not closed there: a number that an object of the child
/// still knows must not become another file's.
/// Threads: any. Errors: std::bad_alloc.
/// Source:  own choice; pthread_atfork(3). Children by vfork(2) or posix_spawn(3) call exec, which
///          closes what is marked O_CLOEXEC; a raw clone(2) runs no handler.
class KeptFromChildren {
 public:
    /// Keeps nothing.
    KeptFromChildren() = default;
    /// Keep an open descriptor and, if it is a file, pipe or socket, all its duplicates.
    [[nodiscard]] static KeptFromChildren descriptor(int descriptor);
    /// Keep every descriptor of a file, whoever opened it. Nothing when there is no such file.
    [[nodiscard]] static KeptFromChildren file(const std::string& path);
    /// Keep a listening TCP socket, and all connections that are accepted from its address.
    [[nodiscard]] static KeptFromChildren listener(int descriptor);

    KeptFromChildren(KeptFromChildren&& other) noexcept : id_(std::exchange(other.id_, 0)) {}
    KeptFromChildren& operator=(KeptFromChildren&& other) noexcept {
        std::swap(id_, other.id_);
        return *this;
    }
    ~KeptFromChildren();

 private:
    explicit KeptFromChildren(std::uint64_t id) : id_(id) {}

    std::uint64_t id_ = 0;  ///< of what is registered; 0: nothing
};

/// Let a signal do in forked children what it does by default: its handler is this process's own.
void restore_signal_in_children(int number);

}  // namespace incm::base
