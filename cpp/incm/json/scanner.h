#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "incm/json/number.h"
#include "incm/json/string_copy.h"

namespace incm::json {

/// Walks over one JSON text and calls a writer for each part of it.
///
/// Writer:  std::string& out() receives the text of strings (copy_string() writes it); open(bool
///          object), close(bool object), comma(); key_begins(), key_ends() around the text of a
///          key, colon(); number(std::string_view, bool integral), literal(std::string_view) for
///          null, true and false, constant(std::string_view) for NaN, Infinity and -Infinity;
///          lone_surrogate().
/// Shape:   accepts exactly what CPython's json.loads accepts of strict UTF-8, at any depth.
/// Errors:  run() is false when the text is no JSON; position() is then close to the error.
/// Threads: like a value type; not recursive, each level of depth costs one bit.
/// Source:  RFC 8259; docs/canonical-json.md, Input.
template <typename Writer>
class Scanner {
 public:
    Scanner(std::string_view text, Writer& writer)
        : begin_(text.data()), at_(text.data()), end_(text.data() + text.size()), writer_(writer) {}
    Scanner(const Scanner&) = delete;
    Scanner& operator=(const Scanner&) = delete;

    [[nodiscard]] bool run() {
        skip_space();
        while (value() && next_value()) {
        }
        return !broken_ && at_ == end_;
    }

    [[nodiscard]] std::size_t position() const { return static_cast<std::size_t>(at_ - begin_); }

 private:
    bool fail() {
        broken_ = true;
        return false;
    }

    void skip_space() {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) {
            ++at_;
        }
    }

    bool skip(char expected) {
        if (at_ == end_ || *at_ != expected) {
            return false;
        }
        ++at_;
        return true;
    }

    void close(bool object) {
        levels_.pop_back();
        writer_.close(object);
    }

    /// Read the brackets that open here, and the first value inside of them that contains no other
    /// value.
    bool value() {
        while (at_ != end_ && (*at_ == '{' || *at_ == '[')) {
            const bool object = *at_++ == '{';
            levels_.push_back(object);
            writer_.open(object);
            skip_space();
            if (skip(object ? '}' : ']')) {
                close(object);
                return true;
            }
            if (object && !key()) {
                return false;
            }
        }
        return at_ == end_ ? fail() : scalar();
    }

    /// Read what follows a value: the closing brackets and the comma, up to the next value, if
    /// there is one.
    bool next_value() {
        while (true) {
            skip_space();
            if (levels_.empty()) {
                return false;
            }
            const bool object = levels_.back();
            if (skip(',')) {
                writer_.comma();
                skip_space();
                return !object || key();
            }
            if (!skip(object ? '}' : ']')) {
                return fail();
            }
            close(object);
        }
    }

    bool key() {
        writer_.key_begins();
        if (at_ == end_ || *at_ != '"' || !string()) {
            return fail();
        }
        writer_.key_ends();
        skip_space();
        if (!skip(':')) {
            return fail();
        }
        writer_.colon();
        skip_space();
        return true;
    }

    bool string() {
        const StringCopy copy = copy_string(at_ + 1, end_, writer_.out());
        if (copy.end == nullptr) {
            return fail();
        }
        if (copy.lone_surrogate) {
            writer_.lone_surrogate();
        }
        at_ = copy.end;
        return true;
    }

    bool scalar() {
        switch (*at_) {
            case '"':
                return string();
            case 'n':
                return word("null") && (writer_.literal("null"), true);
            case 't':
                return word("true") && (writer_.literal("true"), true);
            case 'f':
                return word("false") && (writer_.literal("false"), true);
            case 'N':
                return word("NaN") && (writer_.constant("NaN"), true);
            case 'I':
                return word("Infinity") && (writer_.constant("Infinity"), true);
            default:
                return number();
        }
    }

    bool word(std::string_view expected) {
        const std::string_view rest(at_, static_cast<std::size_t>(end_ - at_));
        if (!rest.starts_with(expected)) {
            return fail();
        }
        at_ += expected.size();
        return true;
    }

    bool number() {
        if (*at_ == '-' && end_ - at_ > 1 && at_[1] == 'I') {
            return word("-Infinity") && (writer_.constant("-Infinity"), true);
        }
        const NumberToken token = scan_number(at_, end_);
        if (token.end == nullptr) {
            return fail();
        }
        writer_.number(std::string_view(at_, static_cast<std::size_t>(token.end - at_)),
                       token.integral);
        at_ = token.end;
        return true;
    }

    const char* begin_;
    const char* at_;
    const char* end_;
    Writer& writer_;
    std::vector<bool> levels_;  // true = object
    bool broken_ = false;
};

}  // namespace incm::json
