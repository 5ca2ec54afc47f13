#include "incm/receiver/library_versions.h"

#include "incm/auth/openssl_version.h"
#include "incm/http/poco_version.h"
#include "incm/inbox/sqlite/sqlite_version.h"
#include "incm/model/simdjson_version.h"

namespace incm::receiver {

std::vector<std::pair<std::string, std::string>> library_versions() {
    return {{"SQLite", inbox::sqlite::sqlite_version()},
            {"OpenSSL", auth::openssl_version()},
            {"Poco", http::poco_version()},
            {"simdjson", model::simdjson_version()}};
}

}  // namespace incm::receiver
