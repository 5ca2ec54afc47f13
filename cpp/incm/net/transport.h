#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace incm::net {

/// The result of an attempt to read or write.
enum class Io {
    kDone,       ///< some bytes were moved
    kWaitRead,   ///< nothing was moved; try again when the descriptor is readable
    kWaitWrite,  ///< nothing was moved; try again when the descriptor is writable
    kEnd,        ///< the peer has closed, or the connection is broken
};

struct IoResult {
    Io state;
    std::size_t bytes = 0;  ///< with kDone: at least one
};

/// The byte stream of a connection: plain TCP here; the TLS transport derives from it.
///
/// No method waits for the peer, except read() with a wait time.
/// Threads: one at a time; only shut_down() may be called from another thread.
class Transport {
 public:
    /// Take over the descriptor of a connected stream socket; the destructor closes it.
    explicit Transport(int descriptor) : descriptor_(descriptor) {}
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;
    virtual ~Transport();

    [[nodiscard]] int descriptor() const { return descriptor_; }

    /// Read what has arrived. When nothing has, wait up to wait_ms (0: do not wait).
    [[nodiscard]] virtual IoResult read(char* to, std::size_t size, int wait_ms);

    /// Write as many bytes as the kernel accepts.
    [[nodiscard]] virtual IoResult write(std::string_view bytes);

    /// Whether bytes can be sent now, without a handshake first.
    [[nodiscard]] virtual bool can_send() const { return true; }

    /// Send the closing alert of the encryption, if there is one.
    virtual void say_end() {}

    /// Close the sending side: the peer reads the end of the stream. Reading stays possible.
    void finish();

    /// Return why the connection broke, in words for the operator; "" when it did not break, or
    /// when the peer just left.
    [[nodiscard]] virtual std::string failure() const { return {}; }

    /// Read below any encryption: the first bytes of a connection, or bytes to discard. peek: leave
    /// the bytes in the socket.
    [[nodiscard]] IoResult read_raw(char* to, std::size_t size, bool peek);

    /// Write below any encryption.
    void write_raw(std::string_view bytes);

    /// Whether bytes have arrived that are not read yet, or the peer has closed.
    [[nodiscard]] bool has_unread();

    /// Make the kernel discard what the peer does not accept, instead of keeping it after the
    /// close.
    void give_up_sending();

    /// Close both directions; every read and write returns kEnd from now on.
    void shut_down();

 private:
    const int descriptor_;
    int receive_timeout_ms_ = 0;  // the longest wait of recv(2); 0: not set
};

}  // namespace incm::net
