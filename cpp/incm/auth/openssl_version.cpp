#include "incm/auth/openssl_version.h"

#include <openssl/crypto.h>

namespace incm::auth {

std::string openssl_version() {
    return OpenSSL_version(OPENSSL_VERSION_STRING);
}

}  // namespace incm::auth
