#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include <benchmark/benchmark.h>

#include "incm/auth/signature.h"
#include "incm/base/canonical_json.h"

namespace {

using incm::auth::Verifier;
using incm::base::Secret;

/// The documented sample alert, indented as it is published.
std::string sample_alert() {
    const auto path = std::filesystem::path(__FILE__).parent_path() / "../tests/golden/reboot.json";
    std::ifstream file(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    if (text.empty()) {
        throw std::runtime_error("the sample alert cannot be read");
    }
    return text;
}

std::string canonical_alert() {
    return incm::base::canonical_json(sample_alert()).value();
}

void count_bytes(benchmark::State& state, const std::string& body) {
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}

void canonical_text(benchmark::State& state) {
    const std::string body = sample_alert();
    for (auto _ : state) {
        benchmark::DoNotOptimize(incm::base::canonical_json(body));
    }
    count_bytes(state, body);
}
BENCHMARK(canonical_text);

void readable_text(benchmark::State& state) {
    const std::string body = sample_alert();
    std::vector<std::string> problems;
    for (auto _ : state) {
        benchmark::DoNotOptimize(incm::base::readable_json(body, problems));
    }
    count_bytes(state, body);
}
BENCHMARK(readable_text);

/// An object with as many different keys as given: duplicates are looked for among them.
void canonical_many_keys(benchmark::State& state) {
    std::string body = "{";
    for (std::int64_t i = 0; i < state.range(0); ++i) {
        body.append(i == 0 ? "\"" : ",\"").append(std::to_string(i)).append("\":0");
    }
    body.append("}");
    for (auto _ : state) {
        benchmark::DoNotOptimize(incm::base::canonical_json(body));
    }
    count_bytes(state, body);
}
BENCHMARK(canonical_many_keys)->Arg(8)->Arg(16)->Arg(24)->Arg(32)->Arg(100'000);

void verify_raw_signed(benchmark::State& state) {
    static const Verifier verifier({Secret("topsecret")});
    const std::string body = canonical_alert();
    const std::string signature = incm::auth::sign(body, Secret("topsecret"));
    for (auto _ : state) {
        benchmark::DoNotOptimize(verifier.verify(body, signature));
    }
    count_bytes(state, body);
}
BENCHMARK(verify_raw_signed);
BENCHMARK(verify_raw_signed)->Threads(2);

void verify_canonical_signed(benchmark::State& state) {
    const Verifier verifier({Secret("topsecret")});
    const std::string body = sample_alert();
    const std::string signature = incm::auth::sign(canonical_alert(), Secret("topsecret"));
    for (auto _ : state) {
        benchmark::DoNotOptimize(verifier.verify(body, signature));
    }
    count_bytes(state, body);
}
BENCHMARK(verify_canonical_signed);

void digest_of_alert(benchmark::State& state) {
    const std::string body = canonical_alert();
    for (auto _ : state) {
        benchmark::DoNotOptimize(incm::auth::digest_parts({"/webhook", body}));
    }
    count_bytes(state, body);
}
BENCHMARK(digest_of_alert);

}  // namespace

BENCHMARK_MAIN();
