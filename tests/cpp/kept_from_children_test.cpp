#include "incm/base/kept_from_children.h"

#include <csignal>
#include <functional>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace incm::base::test {
namespace {

/// Whether it is so in a forked child.
bool in_child(const std::function<bool()>& is_so) {
    const pid_t child = fork();
    if (child == 0) _exit(is_so() ? 0 : 1);
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return status == 0;
}

bool is_null(int descriptor) {
    struct stat facts {};
    struct stat null {};
    return fstat(descriptor, &facts) == 0 && stat("/dev/null", &null) == 0 &&
           S_ISCHR(facts.st_mode) && facts.st_rdev == null.st_rdev;
}

/// Descriptors that are closed at the end.
class Open {
 public:
    Open() = default;
    Open(const Open&) = delete;
    Open& operator=(const Open&) = delete;
    ~Open() {
        for (const int one : all_) close(one);
    }
    int add(int descriptor) {
        EXPECT_GE(descriptor, 0);
        all_.push_back(descriptor);
        return descriptor;
    }

 private:
    std::vector<int> all_;
};

class KeptFromChildrenTest : public ::testing::Test {
 protected:
    int listen_on(const char* host) {
        const int listener = open_.add(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        inet_pton(AF_INET, host, &address.sin_addr);
        EXPECT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(listen(listener, 8), 0);
        return listener;
    }
    /// The client's and the server's end of a connection.
    std::pair<int, int> connect_to(int listener) {
        sockaddr_in address{};
        socklen_t size = sizeof address;
        getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const int client = open_.add(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        return {client, open_.add(accept(listener, nullptr, nullptr))};
    }
    Open open_;
};

TEST_F(KeptFromChildrenTest, DescriptorIsNullInAChildAndOpenHere) {
    const int event = open_.add(eventfd(0, EFD_CLOEXEC));
    const int other = open_.add(eventfd(0, EFD_CLOEXEC));
    const auto kept = KeptFromChildren::descriptor(event);
    EXPECT_TRUE(in_child([&] { return is_null(event) && !is_null(other); }));
    EXPECT_FALSE(is_null(event));
}

TEST_F(KeptFromChildrenTest, DuplicatesOfASocketAreKeptToo) {
    std::array<int, 2> pair{};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
    open_.add(pair[0]);
    open_.add(pair[1]);
    const int twin = open_.add(dup(pair[0]));
    const auto kept = KeptFromChildren::descriptor(pair[0]);
    EXPECT_TRUE(in_child([&] { return is_null(pair[0]) && is_null(twin) && !is_null(pair[1]); }));
}

TEST_F(KeptFromChildrenTest, EveryDescriptorOfAFileIsKept) {
    std::string path = "/tmp/incm-XXXXXX";
    const int first = open_.add(mkstemp(path.data()));
    const auto kept = KeptFromChildren::file(path);
    const int second = open_.add(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_TRUE(in_child([&] { return is_null(first) && is_null(second); }));
    unlink(path.c_str());
}

TEST_F(KeptFromChildrenTest, ConnectionsOfAListenerAreKeptAndTheClientsEndIsNot) {
    for (const char* host : {"127.0.0.1", "0.0.0.0"}) {
        const int listener = listen_on(host);
        const int foreign = listen_on("127.0.0.1");
        const auto [client, server] = connect_to(listener);
        const auto [foreign_client, foreign_server] = connect_to(foreign);
        const auto kept = KeptFromChildren::listener(listener);
        EXPECT_TRUE(in_child([&, one = client, two = server, three = foreign_server] {
            return is_null(listener) && is_null(two) && !is_null(one) && !is_null(foreign) &&
                   !is_null(three);
        })) << host;
    }
}

TEST_F(KeptFromChildrenTest, NothingIsKeptAnyMore) {
    const int event = open_.add(eventfd(0, EFD_CLOEXEC));
    const int listener = listen_on("127.0.0.1");
    auto kept = KeptFromChildren::descriptor(event);
    { const auto moved = std::move(kept); }
    { const auto listening = KeptFromChildren::listener(listener); }
    EXPECT_TRUE(in_child([&] { return !is_null(event) && !is_null(listener); }));
}

TEST_F(KeptFromChildrenTest, ChildrenOfAChildHaveWhatItOpens) {
    const int event = open_.add(eventfd(0, EFD_CLOEXEC));
    const auto kept = KeptFromChildren::descriptor(event);
    EXPECT_TRUE(in_child([&] {
        close(event);
        const int own = eventfd(0, EFD_CLOEXEC);
        return own == event && in_child([&] { return !is_null(own); });
    }));
}

TEST_F(KeptFromChildrenTest, ASignalDoesInAChildWhatItDoesByDefault) {
    const auto before = std::signal(SIGUSR2, [](int) {});
    restore_signal_in_children(SIGUSR2);
    const pid_t child = fork();
    if (child == 0) {
        raise(SIGUSR2);
        _exit(0);
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status));
    std::signal(SIGUSR2, before);
}

bool signal_before_ours = false;

/// Its handler of a fork comes before that of the code under test, as each test is a process.
TEST_F(KeptFromChildrenTest, ASignalThatIsEarlierThanItsDefaultIsNotSwallowed) {
    ASSERT_EQ(pthread_atfork(nullptr, nullptr,
                             [] {
                                 if (signal_before_ours) kill(getpid(), SIGUSR2);
                             }),
              0);
    const auto before = std::signal(SIGUSR2, [](int) {});
    restore_signal_in_children(SIGUSR2);
    signal_before_ours = true;
    const pid_t child = fork();
    if (child == 0) _exit(0);
    signal_before_ours = false;
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status));
    std::signal(SIGUSR2, before);
}

}  // namespace
}  // namespace incm::base::test
