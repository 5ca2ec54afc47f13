// How fast a plugin works through a backlog of each shape, and how long another plugin waits for
// its own deliveries meanwhile: beside a backlog of COUNT, beside one that is worked off at the
// same rate and ends with a thousand (so that what differs is the backlog, and not the work), and
// alone, in turns. Usage: backlog [COUNT [SECONDS [SHAPE [ROUNDS]]]]; SECONDS of a turn; one line
// of JSON for each shape, with the medians of the rounds.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "incm/base/log.h"
#include "incm/inbox/sqlite/sqlite_inbox.h"

namespace {

using incm::inbox::Delivery;
using incm::inbox::Inbox;
using incm::inbox::Outcome;
using incm::inbox::Settlement;
using incm::inbox::sqlite::SqliteInbox;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kBatch = 64;
constexpr int kWorkers = 4;
constexpr auto kPace = std::chrono::milliseconds(5);
constexpr std::int64_t kSmall = 1000;
constexpr double kAnyRate = 1e9;
const std::string kBusy = "busy";
const std::string kOther = "other";

/// What waits for the busy plugin when it starts.
struct Shape {
    const char* name;
    bool by_device;
    bool gives_back;       ///< one of each batch is given back instead of settled
    const char* attempts;  ///< SQL about n, the number of the alert
    const char* due_at;    ///< the same; 0 has long been due
};

// Not due: in a year, after every reading of the clock here.
constexpr Shape kShapes[] = {
    {"due", false, false, "1", "0"},
    {"due, by device", true, false, "1", "0"},
    {"fresh", false, false, "0", "0"},
    {"fresh, some given back", false, true, "0", "0"},
    {"held, by device", true, false, "0", "0"},
    {"held, by device, some given back", true, true, "0", "0"},
    {"mixed, by device", true, true, "n % 3 = 0", "CASE n % 100 WHEN 99 THEN 4e12 ELSE 0 END"},
    {"mixed", false, true, "n % 3 = 0", "CASE n % 100 WHEN 99 THEN 4e12 ELSE 0 END"},
};

void run_sql(const std::string& path, const std::string& sql) {
    sqlite3* database = nullptr;
    sqlite3_open(path.c_str(), &database);
    char* error = nullptr;
    if (sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &error) != SQLITE_OK) {
        throw std::runtime_error(error);
    }
    sqlite3_close(database);
}

std::unique_ptr<Inbox> open(const std::string& path, bool by_device, incm::base::LogSink& log) {
    auto opened = SqliteInbox::open(path, {.plugins = {{kBusy, by_device}, {kOther}}}, log);
    if (!opened.ok()) throw std::runtime_error(opened.error().text);
    return std::move(opened).value();
}

void fill(const std::string& path, const Shape& shape, std::int64_t count) {
    const std::string all =
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < " +
        std::to_string(count) + ") ";
    run_sql(
        path,
        "PRAGMA synchronous=OFF; BEGIN;" + all +
            "INSERT INTO alert SELECT n, '/webhook', 1, 'raw', 'reboot', 'device-' || (n % 100),"
            " zeroblob(600), 1, NULL FROM c;" +
            all +
            "INSERT INTO delivery SELECT (SELECT id FROM plugin WHERE name = 'busy'), n, 1, " +
            shape.attempts + ", " + shape.due_at + ", 0, NULL, 0 FROM c;" +
            "UPDATE meta SET value = " + std::to_string(count) +
            " WHERE key IN ('alerts', 'last_alert_id', 'open'); COMMIT;");
}

void settle(Inbox& inbox, const std::string& plugin, const std::vector<Delivery>& fetched,
            std::size_t first) {
    std::vector<Settlement> all;
    for (std::size_t i = first; i < fetched.size(); ++i) {
        all.push_back({.alert_id = fetched[i].alert_id,
                       .plugin = plugin,
                       .outcome = Outcome::kDelivered,
                       .error = {}});
    }
    inbox.settle(std::move(all));
}

/// What the busy plugin's workers do until they are stopped, at most so many in a second.
void work(Inbox& inbox, bool gives_back, double rate, const std::atomic<bool>& stop,
          std::atomic<std::int64_t>& done) {
    const auto begin = Clock::now();
    while (!stop) {
        if (std::chrono::duration<double>(Clock::now() - begin).count() * rate <
            static_cast<double>(done)) {
            std::this_thread::sleep_for(kPace);
            continue;
        }
        const auto fetched = inbox.fetch(kBusy, kBatch, 10);
        if (!fetched.ok()) return;
        const std::size_t back = gives_back && fetched.value().size() > 1 ? 1 : 0;
        settle(inbox, kBusy, fetched.value(), back);
        done += static_cast<std::int64_t>(fetched.value().size() - back);
        if (back > 0) inbox.give_back(kBusy, {&fetched.value().front().alert_id, back});
    }
}

/// The times from an alert's commit to its delivery to the other plugin, in milliseconds, sorted.
std::vector<double> wait_times(Inbox& inbox, std::chrono::seconds length, std::uint64_t& number) {
    std::vector<double> waits;
    const auto end = Clock::now() + length;
    while (Clock::now() < end) {
        incm::inbox::NewAlert alert{};
        std::uint64_t rest = ++number;
        for (std::size_t i = sizeof rest; i-- > 0; rest >>= 8) {
            alert.dedupe_key[i] = static_cast<std::uint8_t>(rest);
        }
        alert.endpoint = "/webhook";
        alert.form = "raw";
        alert.text.assign(600, 'x');
        alert.plugins = {kOther};
        if (!inbox.append(std::move(alert)).ok()) throw std::runtime_error("nothing is stored");
        const auto begin = Clock::now();
        const auto fetched = inbox.fetch(kOther, 1, 60'000);
        waits.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
        if (!fetched.ok() || fetched.value().empty())
            throw std::runtime_error("nothing is fetched");
        settle(inbox, kOther, fetched.value(), 0);
        std::this_thread::sleep_for(kPace);
    }
    std::sort(waits.begin(), waits.end());
    return waits;
}

double p99(const std::vector<double>& sorted) {
    return sorted[sorted.size() * 99 / 100];
}

/// An inbox with a backlog, in a folder of its own that goes with it.
class Filled {
 public:
    Filled(const Shape& shape, std::int64_t count) {
        if (mkdtemp(folder_.data()) == nullptr) throw std::runtime_error("no folder can be made");
        const std::string path = folder_ + "/inbox.db";
        open(path, shape.by_device, log_).reset();
        fill(path, shape, count);
        sync();  // the disk is not to be busy with it any more
        inbox_ = open(path, shape.by_device, log_);
    }
    Filled(const Filled&) = delete;
    Filled& operator=(const Filled&) = delete;
    ~Filled() {
        inbox_.reset();
        std::filesystem::remove_all(folder_);
    }
    Inbox& operator*() { return *inbox_; }

 private:
    std::string folder_ = "backlog-XXXXXX";
    incm::base::StderrSink log_;
    std::unique_ptr<Inbox> inbox_;
};

struct Turn {
    double p99_ms;
    double rate;  ///< of the busy plugin
};

/// How long the other plugin waits while the busy one works at most at this rate; 0: not at all.
Turn turn(Inbox& inbox, const Shape& shape, double rate, std::chrono::seconds length) {
    static std::uint64_t number = 0;
    std::atomic<bool> stop = false;
    std::atomic<std::int64_t> done = 0;
    std::vector<std::thread> workers;
    const auto started = Clock::now();
    for (int i = 0; rate > 0 && i < kWorkers; ++i) {
        workers.emplace_back([&] { work(inbox, shape.gives_back, rate, stop, done); });
    }
    const double p99_ms = p99(wait_times(inbox, length, number));
    const double seconds = std::chrono::duration<double>(Clock::now() - started).count();
    const double made = static_cast<double>(done) / seconds;
    stop = true;
    for (std::thread& worker : workers) worker.join();
    return {p99_ms, made};
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

void measure(const Shape& shape, std::int64_t count, std::chrono::seconds length, int rounds) {
    Filled large(shape, count);
    std::vector<double> alone, beside_small, beside, small_to_alone, to_alone, to_small, rates;
    for (int round = 0; round < rounds; ++round) {
        alone.push_back(turn(*large, shape, 0, length).p99_ms);
        const Turn large_turn = turn(*large, shape, kAnyRate, length);
        const double seconds = static_cast<double>(length.count());
        Filled small(shape, static_cast<std::int64_t>(large_turn.rate * seconds) + kSmall);
        const Turn small_turn = turn(*small, shape, large_turn.rate, length);
        beside.push_back(large_turn.p99_ms);
        rates.push_back(large_turn.rate);
        beside_small.push_back(small_turn.p99_ms);
        small_to_alone.push_back(small_turn.p99_ms / alone.back());
        to_alone.push_back(large_turn.p99_ms / alone.back());
        to_small.push_back(large_turn.p99_ms / small_turn.p99_ms);
    }
    std::printf(
        "{\"shape\": \"%s\", \"rate\": %.0f, \"alone_p99_ms\": %.2f, \"beside_small_p99_ms\": "
        "%.2f, \"beside_p99_ms\": %.2f, \"small_to_alone\": %.2f, \"to_alone\": %.2f, "
        "\"to_small\": %.2f}\n",
        shape.name, median(rates), median(alone), median(beside_small), median(beside),
        median(small_to_alone), median(to_alone), median(to_small));
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    const std::int64_t count = argc > 1 ? std::atoll(argv[1]) : 1'000'000;
    const std::chrono::seconds length(argc > 2 ? std::atoll(argv[2]) : 5);
    const int rounds = argc > 4 ? std::atoi(argv[4]) : 5;
    try {
        for (const Shape& shape : kShapes) {
            if (argc <= 3 || std::string(argv[3]) == shape.name || *argv[3] == '\0') {
                measure(shape, count, length, rounds);
            }
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "backlog: %s\n", error.what());
        return 1;
    }
    return 0;
}
