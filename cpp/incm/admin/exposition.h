#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "incm/base/histogram.h"

namespace incm::admin {

/// Writes a page of metrics in the text exposition format 0.0.4 of Prometheus.
///
/// Call family() before the samples of a family, and keep the samples of a family together.
/// Units:   those of the name; `_seconds` are given in milliseconds or microseconds where a
///          parameter says so.
class Exposition {
 public:
    using Label = std::pair<std::string_view, std::string_view>;
    using Labels = std::initializer_list<Label>;

    /// Begin a family. name: without the prefix `incm_webhook_`, unless it begins with `process_`.
    void family(std::string_view name, std::string_view type, std::string_view help);
    void sample(Labels labels, std::int64_t value);
    void sample(Labels labels, std::uint64_t value);
    /// Write a number of milliseconds as seconds.
    void seconds(Labels labels, std::int64_t milliseconds);
    /// Write a histogram. per_unit: how many of its units make one of the family's.
    void histogram(Labels labels, const base::HistogramCounts& counts, double per_unit);

    /// Write a family with one sample.
    void one(std::string_view name, std::string_view type, std::string_view help,
             std::int64_t value);

    [[nodiscard]] std::string text() && { return std::move(page_); }

 private:
    void begin(std::string_view suffix, Labels labels, const Label* more);

    std::string name_;
    std::string page_;
};

}  // namespace incm::admin
