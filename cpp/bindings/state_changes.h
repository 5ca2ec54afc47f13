#pragma once

#include <optional>
#include <string>
#include <utility>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "incm/inbox/kept_state.h"

namespace pybind11::detail {

/// A StateChange is a pair of key and value in Python; the value None deletes the key.
template <>
struct type_caster<incm::inbox::StateChange> {
    PYBIND11_TYPE_CASTER(incm::inbox::StateChange, const_name("tuple[str, str | None]"));

    bool load(handle source, bool convert) {
        make_caster<std::pair<std::string, std::optional<std::string>>> pair;
        if (!pair.load(source, convert)) return false;
        auto [key, text] =
            cast_op<std::pair<std::string, std::optional<std::string>>>(std::move(pair));
        value = {std::move(key), std::move(text)};
        return true;
    }
};

}  // namespace pybind11::detail
