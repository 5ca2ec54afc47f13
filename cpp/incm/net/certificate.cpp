#include "incm/net/certificate.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>
#include <vector>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

namespace incm::net {

namespace {

struct Free {
    void operator()(BIO* one) const { ::BIO_free(one); }
    void operator()(X509* one) const { ::X509_free(one); }
    void operator()(X509_STORE* one) const { ::X509_STORE_free(one); }
    void operator()(X509_STORE_CTX* one) const { ::X509_STORE_CTX_free(one); }
    void operator()(AUTHORITY_INFO_ACCESS* one) const { ::AUTHORITY_INFO_ACCESS_free(one); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;
using Certificates = std::vector<Owned<X509>>;

Certificates read_all(const std::string& file) {
    Certificates all;
    const Owned<BIO> input(::BIO_new_file(file.c_str(), "r"));
    while (input) {
        X509* const one = ::PEM_read_bio_X509(input.get(), nullptr, nullptr, nullptr);
        if (!one) break;
        all.emplace_back(one);
    }
    ::ERR_clear_error();
    return all;
}

std::int64_t seconds_of(const ASN1_TIME* time) {
    std::tm utc{};
    return ::ASN1_TIME_to_tm(time, &utc) == 1 ? ::timegm(&utc) : 0;
}

bool issued(X509* issuer, X509* certificate) {
    return ::X509_check_issued(issuer, certificate) == X509_V_OK;
}

/// Whether this machine trusts the issuer of a certificate.
bool is_trusted_here(X509* certificate) {
    const Owned<X509_STORE> store(::X509_STORE_new());
    const Owned<X509_STORE_CTX> context(::X509_STORE_CTX_new());
    if (!store || !context || ::X509_STORE_set_default_paths(store.get()) != 1 ||
        ::X509_STORE_CTX_init(context.get(), store.get(), certificate, nullptr) != 1) {
        return false;
    }
    X509* issuer = nullptr;
    const bool found = ::X509_STORE_CTX_get1_issuer(&issuer, context.get(), certificate) == 1;
    ::X509_free(issuer);
    ::ERR_clear_error();
    return found;
}

std::string common_name(X509_NAME* name) {
    std::array<char, 256> text{};
    if (::X509_NAME_get_text_by_NID(name, NID_commonName, text.data(),
                                    static_cast<int>(text.size())) < 1) {
        ::X509_NAME_oneline(name, text.data(), static_cast<int>(text.size()));
    }
    return text.data();
}

bool publishes_issuer(X509* certificate) {
    const Owned<AUTHORITY_INFO_ACCESS> access(static_cast<AUTHORITY_INFO_ACCESS*>(
        ::X509_get_ext_d2i(certificate, NID_info_access, nullptr, nullptr)));
    const int count = access ? sk_ACCESS_DESCRIPTION_num(access.get()) : 0;
    for (int i = 0; i < count; ++i) {
        const ACCESS_DESCRIPTION* const one = sk_ACCESS_DESCRIPTION_value(access.get(), i);
        if (::OBJ_obj2nid(one->method) == NID_ad_ca_issuers) return true;
    }
    return false;
}

/// Follow the chain from the first certificate to the root, or to where the file breaks off. The
/// root in the file does not count, because clients use their own copy.
void follow_chain(const Certificates& all, CertificateFacts& facts) {
    X509* last = all.front().get();
    for (std::size_t steps = 0; steps < all.size(); ++steps) {
        if (issued(last, last) || is_trusted_here(last)) return;
        const auto next = std::ranges::find_if(
            all, [last](const Owned<X509>& one) { return issued(one.get(), last); });
        if (next == all.end()) {
            facts.missing_issuer = common_name(::X509_get_issuer_name(last));
            facts.issuer_is_published = publishes_issuer(last);
            return;
        }
        last = next->get();
        const std::int64_t end = seconds_of(::X509_get0_notAfter(last));
        if (!issued(last, last) && (facts.first_to_end.empty() || end < facts.first_end)) {
            facts.first_to_end = common_name(::X509_get_subject_name(last));
            facts.first_end = end;
        }
    }
}

}  // namespace

base::Result<CertificateFacts> look_at_certificate(const std::string& file) {
    const Certificates all = read_all(file);
    if (all.empty()) {
        return base::Error{base::ErrorCode::kBadConfig,
                           file + ": no certificate in PEM form can be read from it"};
    }
    X509* const own = all.front().get();
    CertificateFacts facts{.not_before = seconds_of(::X509_get0_notBefore(own)),
                           .not_after = seconds_of(::X509_get0_notAfter(own))};
    follow_chain(all, facts);
    return facts;
}

}  // namespace incm::net
