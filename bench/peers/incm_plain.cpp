// The front of incm-webhook without its inbox: what the listener costs, and what the signature and
// the reading of the alert add. Nothing is stored, so it is no receiver.
//
//   incm_plain answer          reads each body and answers 200
//   incm_plain verify SECRET   also checks X-Signature and reads the alert, as ingest does
//
// It prints its port, and serves until its standard input ends.

#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "incm/auth/signature.h"
#include "incm/http/exchange.h"
#include "incm/http/server.h"
#include "incm/model/alert.h"

namespace {

using incm::http::Request;
using incm::http::Response;

constexpr std::string_view kAnswer = R"({"status": "accepted", "id": 12345})";

void answer_only(Request& request, Response& response) {
    const std::string body = request.take_body();
    response.send(body.empty() ? 400 : 200, "application/json", kAnswer);
}

class Verified {
 public:
    explicit Verified(const std::string& secret) : verifier_({incm::base::Secret(secret)}) {}

    void operator()(Request& request, Response& response) const {
        response.send(judge(request, request.take_body()), "application/json", kAnswer);
    }

 private:
    [[nodiscard]] int judge(const Request& request, std::string body) const {
        std::optional<std::string> signature(request.field("x-signature"));
        incm::auth::Verdict verdict = verifier_.verify(body, signature);
        if (!verdict.ok()) return 401;
        const bool raw = verdict.form == incm::auth::SignedForm::kRaw;
        const auto alert =
            incm::model::parse_alert(raw ? std::move(body) : std::move(verdict.canonical));
        return alert.ok() ? 200 : 400;
    }

    incm::auth::Verifier verifier_;
};

int serve(incm::http::Answer answer) {
    incm::http::ServerOptions options{.host = "127.0.0.1"};
    options.rules.refused = [](const auto& error, const auto& client) {
        std::cerr << "incm_plain: " << client << ": " << error.text << '\n';
    };
    incm::http::Server server(std::move(options), std::move(answer));
    if (const auto started = server.start(); !started.ok()) {
        std::cerr << "incm_plain: " << started.error().text << '\n';
        return EXIT_FAILURE;
    }
    std::cout << server.port() << std::endl;
    std::cin.get();
    server.stop(0);
    return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view mode = argc > 1 ? argv[1] : "";
    if (mode == "answer" && argc == 2) return serve(answer_only);
    if (mode == "verify" && argc == 3) {
        const Verified verified(argv[2]);
        return serve(
            [&verified](Request& request, Response& response) { verified(request, response); });
    }
    std::cerr << "usage: incm_plain answer | verify SECRET\n";
    return EXIT_FAILURE;
}
