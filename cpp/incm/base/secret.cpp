#include "incm/base/secret.h"

#include <string.h>

namespace incm::base {

Secret::~Secret() {
    // A moved-from short string keeps its old characters in its own buffer: wipe up to the
    // capacity, not just up to the size. Growing to the capacity never reallocates.
    bytes_.resize(bytes_.capacity());
    explicit_bzero(bytes_.data(), bytes_.size());
}

}  // namespace incm::base
