#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include "incm/net/ticket_keys.h"
#include "incm/net/tls_context.h"
#include "incm/net/transport.h"

namespace {

using incm::net::Io;
using incm::net::IoResult;
using incm::net::kTicketSeconds;
using incm::net::TicketKey;
using incm::net::TicketKeys;
using incm::net::TlsContext;
using incm::net::TlsFiles;
using incm::net::Transport;

/// A certificate that its own key signed, with as many more bytes as are wanted.
X509* certificate_of(EVP_PKEY* key, std::size_t more_bytes) {
    X509* const made = X509_new();
    X509_set_version(made, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
    X509_gmtime_adj(X509_getm_notBefore(made), -60);
    X509_gmtime_adj(X509_getm_notAfter(made), 3600);
    X509_set_pubkey(made, key);
    X509_NAME* const name = X509_get_subject_name(made);
    const auto* const text = reinterpret_cast<const unsigned char*>("test");
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, -1, -1, 0);
    X509_set_issuer_name(made, name);
    if (more_bytes > 0) {
        const std::string comment(more_bytes, 'x');
        X509_EXTENSION* const extension =
            X509V3_EXT_conf_nid(nullptr, nullptr, NID_netscape_comment, comment.c_str());
        X509_add_ext(made, extension, -1);
        X509_EXTENSION_free(extension);
    }
    X509_sign(made, key, EVP_sha256());
    return made;
}

class TlsTest : public testing::Test {
 protected:
    void SetUp() override {
        std::string name = (std::filesystem::temp_directory_path() / "incm-tls-XXXXXX").string();
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        folder_ = name;
        key_ = EVP_EC_gen("P-256");
        X509* const made = certificate_of(key_, 0);
        std::FILE* file = std::fopen((folder_ + "/c.pem").c_str(), "w");
        PEM_write_X509(file, made);
        std::fclose(file);
        file = std::fopen((folder_ + "/k.pem").c_str(), "w");
        PEM_write_PrivateKey(file, key_, nullptr, nullptr, 0, nullptr, nullptr);
        std::fclose(file);
        X509_free(made);
        client_context_ = SSL_CTX_new(TLS_client_method());
    }
    void TearDown() override {
        server_.reset();
        SSL_free(client_);
        SSL_CTX_free(client_context_);
        EVP_PKEY_free(key_);
        std::filesystem::remove_all(folder_);
    }

    TlsFiles files() const { return {folder_ + "/c.pem", folder_ + "/k.pem", ""}; }

    /// Connect the client to a server with these files.
    void connect(const TlsFiles& files) {
        std::array<int, 2> ends{};
        ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
        server_ = TlsContext::load(files, nullptr).value()->accept(ends[0]);
        client_ = SSL_new(client_context_);
        SSL_set_fd(client_, ends[1]);
        SSL_set_connect_state(client_);
    }

    IoResult read() { return server_->read(buffer_.data(), buffer_.size(), 0); }

    /// Make the handshake; false when one of the two ends it. The server's last read is kept.
    bool shakes_hands() {
        for (int i = 0; i < 20; ++i) {
            ERR_clear_error();
            const bool done = SSL_do_handshake(client_) == 1;
            if (!done && SSL_get_error(client_, 0) == SSL_ERROR_SSL) return false;
            if (read().state == Io::kEnd) return false;
            if (done && server_->can_send()) return true;
        }
        return false;
    }

    std::string folder_;
    EVP_PKEY* key_ = nullptr;
    SSL_CTX* client_context_ = nullptr;
    SSL* client_ = nullptr;
    std::unique_ptr<Transport> server_;
    std::array<char, 4096> buffer_{};
};

class TlsGroupTest : public TlsTest, public testing::WithParamInterface<const char*> {};
class TlsGoodGroupTest : public TlsGroupTest {};
class TlsCostlyGroupTest : public TlsGroupTest {};

TEST_P(TlsGoodGroupTest, IsOffered) {
    if (SSL_CTX_set1_groups_list(client_context_, GetParam()) != 1) {
        GTEST_SKIP() << "this OpenSSL does not know " << GetParam();
    }
    connect(files());
    EXPECT_TRUE(shakes_hands());
}

TEST_P(TlsCostlyGroupTest, EndsTheHandshakeBeforeAnythingIsComputed) {
    ASSERT_EQ(SSL_CTX_set1_groups_list(client_context_, GetParam()), 1);
    connect(files());
    EXPECT_FALSE(shakes_hands());
    EXPECT_EQ(server_->failure(), "TLS: no suitable key share");
}

INSTANTIATE_TEST_SUITE_P(All, TlsGoodGroupTest,
                         testing::Values("X25519", "P-256", "P-384", "X25519MLKEM768"),
                         [](const auto& one) {
                             std::string name = one.param;
                             std::erase(name, '-');
                             return name;
                         });
INSTANTIATE_TEST_SUITE_P(All, TlsCostlyGroupTest,
                         testing::Values("ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144",
                                         "ffdhe8192", "P-521", "X448"),
                         [](const auto& one) {
                             std::string name = one.param;
                             std::erase(name, '-');
                             return name;
                         });

TEST_F(TlsTest, FiniteFieldsAreNotThereInVersion12Either) {
    SSL_CTX_set_max_proto_version(client_context_, TLS1_2_VERSION);
    ASSERT_EQ(SSL_CTX_set_cipher_list(client_context_, "DHE"), 1);
    connect(files());
    EXPECT_FALSE(shakes_hands());
    EXPECT_EQ(server_->failure(), "TLS: no shared cipher");
}

TEST_F(TlsTest, KeyUpdatesWithoutDataEndTheConnection) {
    connect(files());
    ASSERT_TRUE(shakes_hands());
    Io state = Io::kWaitRead;
    int sent = 0;
    for (; state == Io::kWaitRead && sent < 100; ++sent) {
        SSL_key_update(client_, SSL_KEY_UPDATE_REQUESTED);
        SSL_do_handshake(client_);
        state = read().state;
    }
    EXPECT_EQ(state, Io::kEnd);
    EXPECT_LE(sent, 33);
    EXPECT_EQ(server_->failure(), "TLS: too many records without data");
}

TEST_F(TlsTest, AFloodOfKeyUpdatesIsNotReadToItsEnd) {
    connect(files());
    ASSERT_TRUE(shakes_hands());
    int sent = 0;
    for (; sent < 500; ++sent) {
        SSL_key_update(client_, SSL_KEY_UPDATE_NOT_REQUESTED);
        if (SSL_do_handshake(client_) != 1) break;
    }
    ASSERT_GT(sent, 100);
    EXPECT_EQ(read().state, Io::kEnd);
    EXPECT_EQ(server_->failure(), "TLS: too many records without data");
}

TEST_F(TlsTest, KeyUpdatesBetweenDataGoOn) {
    connect(files());
    ASSERT_TRUE(shakes_hands());
    for (int i = 0; i < 100; ++i) {
        SSL_key_update(client_, SSL_KEY_UPDATE_REQUESTED);
        ASSERT_EQ(SSL_write(client_, "x", 1), 1);
        const IoResult one = read();
        ASSERT_EQ(one.state, Io::kDone);
        ASSERT_EQ(one.bytes, 1U);
    }
}

TEST_F(TlsTest, RenegotiationsAreRefusedAndBounded) {
    SSL_CTX_set_max_proto_version(client_context_, TLS1_2_VERSION);
    SSL_CTX_set_options(client_context_, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
    connect(files());
    ASSERT_TRUE(shakes_hands());
    SSL_renegotiate(client_);
    EXPECT_FALSE(shakes_hands());
}

TEST_F(TlsTest, EarlyDataIsNotAccepted) {
    connect(files());
    ASSERT_TRUE(shakes_hands());
    ASSERT_EQ(server_->write("x").state, Io::kDone);
    SSL_read(client_, buffer_.data(), 1);  // the ticket comes before it
    EXPECT_EQ(SSL_SESSION_get_max_early_data(SSL_get_session(client_)), 0U);
    EXPECT_LE(SSL_SESSION_get_ticket_lifetime_hint(SSL_get_session(client_)),
              static_cast<unsigned long>(kTicketSeconds));
}

TEST_F(TlsTest, SaysThatTheClientDoesNotTrustTheCertificate) {
    SSL_CTX_set_verify(client_context_, SSL_VERIFY_PEER, nullptr);
    connect(files());
    EXPECT_FALSE(shakes_hands());
    EXPECT_EQ(read().state, Io::kEnd);
    EXPECT_EQ(server_->failure(),
              "TLS: the client does not trust the certificate of this server: it needs one from "
              "an authority that it trusts, with the whole chain");
}

TEST_F(TlsTest, ClientsCertificatesAreBoundedInBytes) {
    TlsFiles mutual = files();
    mutual.client_ca = mutual.certificate;
    for (const std::size_t more : {std::size_t{10'000}, std::size_t{17'000}}) {
        X509* const shown = certificate_of(key_, more);
        SSL_CTX_use_certificate(client_context_, shown);
        SSL_CTX_use_PrivateKey(client_context_, key_);
        X509_free(shown);
        connect(mutual);
        EXPECT_FALSE(shakes_hands() && read().state == Io::kWaitRead);
        EXPECT_EQ(server_->failure(),
                  more < 16'384 ? "TLS: certificate verify failed" : "TLS: excessive message size");
        server_.reset();
        SSL_free(client_);
        client_ = nullptr;
    }
}

TEST(TicketKeysTest, AKeyMakesTicketsForTwoHoursAndReadsThemForTwoMore) {
    constexpr std::int64_t kMs = kTicketSeconds * 1000;
    TicketKeys keys(0);
    const TicketKey first = keys.current(0);
    EXPECT_EQ(keys.current(kMs - 1).name, first.name);
    const TicketKey second = keys.current(kMs);
    EXPECT_NE(second.name, first.name);
    EXPECT_NE(second.cipher, first.cipher);
    ASSERT_TRUE(keys.find(first.name.data(), 2 * kMs - 1));
    EXPECT_EQ(keys.find(first.name.data(), 2 * kMs - 1)->mac, first.mac);
    EXPECT_FALSE(keys.find(first.name.data(), 2 * kMs));
    EXPECT_TRUE(keys.find(second.name.data(), 2 * kMs));
}

TEST(TicketKeysTest, AfterALongSilenceNoOldKeyIsLeft) {
    constexpr std::int64_t kMs = kTicketSeconds * 1000;
    TicketKeys keys(0);
    const TicketKey first = keys.current(0);
    EXPECT_FALSE(keys.find(first.name.data(), 2 * kMs));
}

}  // namespace
