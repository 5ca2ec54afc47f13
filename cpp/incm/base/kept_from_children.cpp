#include "incm/base/kept_from_children.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <mutex>
#include <new>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace incm::base {

namespace {

constexpr int kAnyDescriptor = -1;
constexpr int kMaxWithoutProc = 65'536;

/// Identifies a file by its inode. Files without a name (epoll, eventfd) share one inode, so the
/// descriptor number is compared too.
struct Inode {
    std::uint64_t id;
    dev_t device;
    ino_t number;
    int descriptor;
};

struct Place {
    std::uint64_t id;
    sockaddr_storage address;
};

struct Registry {
    std::mutex mutex;  // guards the rest; held over a fork, so that the child finds it consistent
    std::vector<Inode> inodes;
    std::vector<Place> listeners;
    std::vector<int> signals;
    std::uint64_t last_id = 0;
    sigset_t mask_before_fork{};  // of the thread that forks
};

bool is_at(const sockaddr_storage& own, const sockaddr_storage& listener) {
    if (own.ss_family != listener.ss_family) return false;
    if (own.ss_family == AF_INET) {
        const auto& one = reinterpret_cast<const sockaddr_in&>(own);
        const auto& all = reinterpret_cast<const sockaddr_in&>(listener);
        return one.sin_port == all.sin_port && (all.sin_addr.s_addr == htonl(INADDR_ANY) ||
                                                one.sin_addr.s_addr == all.sin_addr.s_addr);
    }
    if (own.ss_family == AF_INET6) {
        const auto& one = reinterpret_cast<const sockaddr_in6&>(own);
        const auto& all = reinterpret_cast<const sockaddr_in6&>(listener);
        return one.sin6_port == all.sin6_port &&
               (IN6_IS_ADDR_UNSPECIFIED(&all.sin6_addr) ||
                std::memcmp(&one.sin6_addr, &all.sin6_addr, sizeof one.sin6_addr) == 0);
    }
    return false;
}

bool is_stream(int descriptor) {
    int type = 0;
    socklen_t size = sizeof type;
    return getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

bool is_kept(const Registry& registry, int descriptor) {
    struct stat facts {};
    if (fstat(descriptor, &facts) != 0) return false;
    for (const Inode& one : registry.inodes) {
        if (one.number == facts.st_ino && one.device == facts.st_dev &&
            (one.descriptor == kAnyDescriptor || one.descriptor == descriptor)) {
            return true;
        }
    }
    if (!S_ISSOCK(facts.st_mode) || registry.listeners.empty()) return false;
    sockaddr_storage own{};
    socklen_t size = sizeof own;
    if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&own), &size) != 0) return false;
    return std::any_of(registry.listeners.begin(), registry.listeners.end(),
                       [&](const Place& one) { return is_at(own, one.address); }) &&
           is_stream(descriptor);
}

void replace_if_kept(const Registry& registry, int descriptor, int null) {
    if (!is_kept(registry, descriptor)) return;
    if (null < 0 || dup3(null, descriptor, O_CLOEXEC) < 0) close(descriptor);
}

/// Call visit(number) for the entries of a folder of descriptors. Neither allocates nor locks.
template <typename Visit>
void each_number(int folder, Visit visit) {
    alignas(std::uint64_t) std::array<char, 4096> entries;
    constexpr std::size_t kLengthOffset = 16;  // of struct linux_dirent64
    constexpr std::size_t kNameOffset = 19;
    for (;;) {
        const long size = syscall(SYS_getdents64, folder, entries.data(), entries.size());
        if (size <= 0) return;
        for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
            std::uint16_t length = 0;
            std::memcpy(&length, &entries[at + kLengthOffset], sizeof length);
            const char* const name = &entries[at + kNameOffset];
            int number = 0;
            if (std::from_chars(name, name + std::strlen(name), number).ec == std::errc()) {
                visit(number);
            }
            at += length;
        }
    }
}

void replace_all(const Registry& registry) {
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const auto visit = [&](int number) { replace_if_kept(registry, number, null); };
    const int folder = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
        each_number(folder, visit);
        close(folder);
    } else {
        rlimit limit{};
        getrlimit(RLIMIT_NOFILE, &limit);
        const int most = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, kMaxWithoutProc));
        for (int number = 0; number < most; ++number) visit(number);
    }
    if (null >= 0) close(null);
}

Registry& registry();

/// A signal that arrives in the child before its handlers are the default ones has to wait: the
/// inherited handlers of the server would swallow it.
void before_fork() {
    Registry& all = registry();
    all.mutex.lock();
    sigset_t held;
    sigemptyset(&held);
    for (const int number : all.signals) {
        sigaddset(&held, number);
    }
    pthread_sigmask(SIG_BLOCK, &held, &all.mask_before_fork);
}

void in_parent() {
    Registry& all = registry();
    const sigset_t mask = all.mask_before_fork;
    all.mutex.unlock();
    pthread_sigmask(SIG_SETMASK, &mask, nullptr);
}

/// Runs in the child of a process with threads: only async-signal-safe calls.
void in_child() {
    Registry& all = registry();
    const int reason = errno;
    replace_all(all);
    for (const int number : all.signals) {
        std::signal(number, SIG_DFL);
    }
    // Children of this child may inherit what it opens itself.
    all.inodes.clear();
    all.listeners.clear();
    all.signals.clear();
    const sigset_t mask = all.mask_before_fork;
    all.mutex.unlock();
    pthread_sigmask(SIG_SETMASK, &mask, nullptr);
    errno = reason;
}

Registry& registry() {
    // Never destroyed: static objects elsewhere may stay registered until the process ends.
    static Registry& only = *[] {
        auto* const made = new Registry;
        if (pthread_atfork(before_fork, in_parent, in_child) != 0) throw std::bad_alloc();
        return made;
    }();
    return only;
}

template <typename Add>
std::uint64_t add(Add add_entry) {
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    add_entry(all, all.last_id + 1);
    return ++all.last_id;
}

std::uint64_t add_inode(const struct stat& facts, int descriptor) {
    return add([&](Registry& all, std::uint64_t id) {
        all.inodes.push_back({id, facts.st_dev, facts.st_ino, descriptor});
    });
}

}  // namespace

KeptFromChildren KeptFromChildren::descriptor(int descriptor) {
    struct stat facts {};
    if (fstat(descriptor, &facts) != 0) return {};
    const bool has_own_inode = (facts.st_mode & S_IFMT) != 0;
    return KeptFromChildren(add_inode(facts, has_own_inode ? kAnyDescriptor : descriptor));
}

KeptFromChildren KeptFromChildren::file(const std::string& path) {
    struct stat facts {};
    if (stat(path.c_str(), &facts) != 0) return {};
    return KeptFromChildren(add_inode(facts, kAnyDescriptor));
}

KeptFromChildren KeptFromChildren::listener(int descriptor) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
    return KeptFromChildren(add([&](Registry& all, std::uint64_t id) {
        all.listeners.push_back({id, address});
    }));
}

KeptFromChildren::~KeptFromChildren() {
    if (id_ == 0) return;
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    const auto is_this = [this](const auto& one) { return one.id == id_; };
    std::erase_if(all.inodes, is_this);
    std::erase_if(all.listeners, is_this);
}

void restore_signal_in_children(int number) {
    add([&](Registry& all, std::uint64_t) { all.signals.push_back(number); });
}

}  // namespace incm::base
