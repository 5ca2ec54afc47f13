#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace incm::net {

/// What became of an attempt to read or write.
enum class Io {
    kDone,       ///< some bytes were moved
    kWaitRead,   ///< not now: again when the descriptor is readable
    kWaitWrite,  ///< not now: again when the descriptor is writable
    kEnd,        ///< the peer has ended, or the connection is broken
};

struct IoResult {
    Io state;
    std::size_t bytes = 0;  ///< of kDone: at least one
};

/// A connection's bytes as they travel: plain TCP; TLS derives from it.
///
/// Nothing waits for the peer, but for read() with a time.
/// Threads: one at a time; only shut_down() may come from another.
class Transport {
 public:
    /// Takes the descriptor of a connected stream socket over, and closes it at the end.
    explicit Transport(int descriptor) : descriptor_(descriptor) {}
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;
    virtual ~Transport();

    [[nodiscard]] int descriptor() const { return descriptor_; }

    /// Read what is there; wait up to wait_ms when there is nothing (0: not at all).
    [[nodiscard]] virtual IoResult read(char* to, std::size_t size, int wait_ms);

    /// Write as much as the kernel takes.
    [[nodiscard]] virtual IoResult write(std::string_view bytes);

    /// Whether bytes can be sent already, without a handshake before.
    [[nodiscard]] virtual bool can_send() const { return true; }

    /// Say within the encryption, if there is one, that nothing more will come.
    virtual void say_end() {}

    /// Send no more; the peer reads the end, and reading goes on.
    void finish();

    /// Why the connection broke, for a person; "" when it did not, or when its peer just left.
    [[nodiscard]] virtual std::string failure() const { return {}; }

    /// Read below any encryption: the first bytes of a connection, or what is thrown away.
    /// peek: leave the bytes there.
    [[nodiscard]] IoResult read_raw(char* to, std::size_t size, bool peek);

    /// Write below any encryption.
    void write_raw(std::string_view bytes);

    /// Whether the kernel has bytes that nobody has read, or knows of the peer's end.
    [[nodiscard]] bool has_unread();

    /// Let the kernel throw away what the peer does not take, instead of keeping it after the end.
    void give_up_sending();

    /// End both directions; every read and write returns kEnd from now on.
    void shut_down();

 private:
    const int descriptor_;
    int receive_timeout_ms_ = 0;  // what recv(2) waits at most; 0: not set
};

}  // namespace incm::net
