#pragma once

#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

namespace golden {

/// One line of signatures.json: what CPython computed for a body and a signature.
struct SignatureVector {
    std::string name;
    std::string secret;
    std::string body;
    std::optional<std::string> signature;  ///< empty: the request has none
    std::optional<std::string> form;       ///< "raw", "canonical", or empty: must be refused
    std::optional<std::string> canonical;  ///< empty: the body has no canonical form
};

/// One case of rfc4231.json.
struct HmacVector {
    std::string name;
    std::string key;
    std::string data;
    std::string tag_hex;  ///< may be cut short, as in case 5
};

inline std::string read_file(const std::string& name) {
    std::ifstream file(std::string(INCM_GOLDEN) + "/" + name, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    if (text.empty()) {
        throw std::runtime_error("cannot read golden file " + name);
    }
    return text;
}

/// Any padded Base64, for test data only.
inline std::string decode_base64(std::string_view text) {
    constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string bytes;
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : text.substr(0, text.find('='))) {
        bits = (bits << 6 | static_cast<std::uint32_t>(kAlphabet.find(c))) & 0xFFFF;
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes.push_back(static_cast<char>(bits >> count & 0xFF));
        }
    }
    return bytes;
}

inline std::string decode_hex(const std::string& text) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        bytes.push_back(static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16)));
    }
    return bytes;
}

inline std::optional<std::string> text_or_null(const Poco::JSON::Object& object,
                                               const std::string& key) {
    if (object.isNull(key)) {
        return std::nullopt;
    }
    return object.getValue<std::string>(key);
}

inline std::vector<Poco::JSON::Object::Ptr> read_objects(const std::string& name) {
    Poco::JSON::Parser parser;
    const auto array = parser.parse(read_file(name)).extract<Poco::JSON::Array::Ptr>();
    std::vector<Poco::JSON::Object::Ptr> objects;
    for (unsigned int i = 0; i < array->size(); ++i) {
        objects.push_back(array->getObject(i));
    }
    return objects;
}

inline std::vector<SignatureVector> signature_vectors() {
    std::vector<SignatureVector> vectors;
    for (const auto& object : read_objects("signatures.json")) {
        std::optional<std::string> canonical = text_or_null(*object, "canonical");
        if (canonical) {
            canonical = decode_base64(*canonical);
        }
        vectors.push_back(
            {object->getValue<std::string>("name"), object->getValue<std::string>("secret"),
             decode_base64(object->getValue<std::string>("body")),
             text_or_null(*object, "signature"), text_or_null(*object, "form"), canonical});
    }
    return vectors;
}

inline std::vector<HmacVector> hmac_vectors() {
    std::vector<HmacVector> vectors;
    for (const auto& object : read_objects("rfc4231.json")) {
        vectors.push_back({object->getValue<std::string>("name"),
                           decode_hex(object->getValue<std::string>("key")),
                           decode_hex(object->getValue<std::string>("data")),
                           object->getValue<std::string>("tag")});
    }
    return vectors;
}

}  // namespace golden
