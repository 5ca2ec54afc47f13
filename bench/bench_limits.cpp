// What no program on this machine can beat: copying, hashing, and waiting for the disk of the
// current folder. Nothing of the core is in these.

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

namespace {

/// 624 bytes are the documented sample alert, which stays in the first cache; 16 MiB do not.
void limit_copy(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(state.range(0));
    const std::vector<char> from(size, 'x');
    std::vector<char> to(size);
    for (auto _ : state) {
        std::memcpy(to.data(), from.data(), size);
        benchmark::DoNotOptimize(to.data());
        benchmark::ClobberMemory();
    }
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(limit_copy)->Arg(624)->Arg(16 * 1024 * 1024);

/// Of a short text the last block and OpenSSL's own way there count, of a long one the processor.
void limit_sha256(benchmark::State& state) {
    const std::string text(static_cast<std::size_t>(state.range(0)), 'x');
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    EVP_MD* sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    for (auto _ : state) {
        unsigned int length = 0;
        if (EVP_DigestInit_ex2(context, sha256, nullptr) != 1 ||
            EVP_DigestUpdate(context, text.data(), text.size()) != 1 ||
            EVP_DigestFinal_ex(context, digest.data(), &length) != 1) {
            state.SkipWithError("OpenSSL has no SHA-256");
            break;
        }
        benchmark::DoNotOptimize(digest);
    }
    EVP_MD_CTX_free(context);
    EVP_MD_free(sha256);
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(limit_sha256)->Arg(624)->Arg(16 * 1024);

/// The least that a commit does: one page more, and the disk reports it as written.
void limit_fdatasync(benchmark::State& state) {
    std::string name = "micro-XXXXXX";
    const int file = mkstemp(name.data());
    unlink(name.c_str());
    const std::array<char, 4096> page{};
    for (auto _ : state) {
        if (write(file, page.data(), page.size()) != static_cast<ssize_t>(page.size()) ||
            fdatasync(file) != 0) {
            state.SkipWithError("the current folder cannot be written");
            break;
        }
    }
    close(file);
}
BENCHMARK(limit_fdatasync)->UseRealTime();

}  // namespace
