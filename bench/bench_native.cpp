#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include <benchmark/benchmark.h>

#include "incm/auth/signature.h"
#include "incm/base/bytes.h"
#include "incm/http/request_head_parser.h"
#include "incm/json/canonical.h"
#include "incm/model/alert.h"

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
    return incm::json::canonical_json(sample_alert()).value();
}

/// The sample alert as a sender without blanks writes it.
std::string compact_alert() {
    std::string compact;
    bool in_string = false;
    for (const char c : canonical_alert()) {
        if (c == '"') in_string = !in_string;  // the sample has no escapes
        if (c != ' ' || in_string) compact.push_back(c);
    }
    return compact;
}

void count_bytes(benchmark::State& state, const std::string& body) {
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}

void canonical_text(benchmark::State& state) {
    const std::string body = sample_alert();
    for (auto _ : state) {
        benchmark::DoNotOptimize(incm::json::canonical_json(body));
    }
    count_bytes(state, body);
}
BENCHMARK(canonical_text);

void readable_text(benchmark::State& state) {
    const std::string body = sample_alert();
    std::vector<std::string> problems;
    for (auto _ : state) {
        benchmark::DoNotOptimize(incm::json::readable_json(body, problems));
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
        benchmark::DoNotOptimize(incm::json::canonical_json(body));
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

void parse_of_alert(benchmark::State& state) {
    const std::string body = canonical_alert();
    for (auto _ : state) {
        benchmark::DoNotOptimize(incm::model::parse_alert(body));
    }
    count_bytes(state, body);
}
BENCHMARK(parse_of_alert);

/// What has to happen to a body before it can be stored: the text that verified becomes an alert.
void verify_and_parse(benchmark::State& state, const std::string& body) {
    const Verifier verifier({Secret("topsecret")});
    const std::string signature = incm::auth::sign(canonical_alert(), Secret("topsecret"));
    for (auto _ : state) {
        incm::auth::Verdict verdict = verifier.verify(body, signature);
        const bool raw = verdict.form == incm::auth::SignedForm::kRaw;
        const auto alert =
            incm::model::parse_alert(raw ? std::string(body) : std::move(verdict.canonical));
        if (!verdict.ok() || !alert.ok() || alert.value().type != "reboot") {
            state.SkipWithError("the sample alert was refused");
            break;
        }
        benchmark::DoNotOptimize(alert);
    }
    count_bytes(state, body);
}

void verify_parse_raw(benchmark::State& state) {
    verify_and_parse(state, canonical_alert());
}
BENCHMARK(verify_parse_raw);

void verify_parse_canonical(benchmark::State& state) {
    verify_and_parse(state, compact_alert());
}
BENCHMARK(verify_parse_canonical);

/// As Ingest makes it: alerts of one canonical text at one endpoint are the same alert.
void dedupe_key(benchmark::State& state) {
    const std::string body = canonical_alert();
    for (auto _ : state) {
        const auto canonical = incm::json::canonical_json(body);
        benchmark::DoNotOptimize(incm::auth::digest_parts({"/webhook", canonical.value()}));
    }
    count_bytes(state, body);
}
BENCHMARK(dedupe_key);

void digest_of_alert(benchmark::State& state) {
    const std::string body = canonical_alert();
    for (auto _ : state) {
        benchmark::DoNotOptimize(incm::auth::digest_parts({"/webhook", body}));
    }
    count_bytes(state, body);
}
BENCHMARK(digest_of_alert);

void base64_of_signature(benchmark::State& state) {
    const std::string signature = incm::auth::sign("", Secret("topsecret"));
    for (auto _ : state) {
        benchmark::DoNotOptimize(incm::base::base64_decode_digest(signature));
    }
    count_bytes(state, signature);
}
BENCHMARK(base64_of_signature);

void guard_of_head(benchmark::State& state) {
    const std::string head =
        "POST /webhook HTTP/1.1\r\nHost: alerts.example.com\r\nUser-Agent: "
        "python-requests/2.31.0\r\n"
        "Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n"
        "Content-Type: application/json\r\n"
        "X-Signature: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\r\n"
        "Content-Length: 624\r\n\r\n";
    for (auto _ : state) {
        incm::http::RequestHeadParser guard;
        benchmark::DoNotOptimize(guard.look(head));
    }
    count_bytes(state, head);
}
BENCHMARK(guard_of_head);

}  // namespace

BENCHMARK_MAIN();
