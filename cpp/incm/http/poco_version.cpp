#include "incm/http/poco_version.h"

#include <cstdint>

#include <Poco/Environment.h>

namespace incm::http {

std::string poco_version() {
    const std::uint32_t packed = Poco::Environment::libraryVersion();
    return std::to_string(packed >> 24U) + "." + std::to_string(packed >> 16U & 0xFFU) + "." +
           std::to_string(packed >> 8U & 0xFFU);
}

}  // namespace incm::http
