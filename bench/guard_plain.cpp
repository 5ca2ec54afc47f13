// What the guard costs: the handler of peers/poco_plain.cpp behind our own http::Server.
//
// It takes each request's body and answers with the same bytes. Nothing is verified or stored. It
// prints its port, and serves until its standard input ends.

#include <iostream>
#include <string>
#include <string_view>

#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>

#include "incm/http/guarded_socket.h"
#include "incm/http/server.h"

namespace {

void answer(Poco::Net::HTTPServerRequest& request, Poco::Net::HTTPServerResponse& response) {
    const std::string body = incm::http::take_body(request);
    constexpr std::string_view kAnswer = R"({"status": "accepted", "id": 12345})";
    response.setContentType("application/json");
    response.sendBuffer(kAnswer.data(), kAnswer.size());
}

}  // namespace

int main() {
    incm::http::ServerOptions options{.host = "127.0.0.1"};
    options.rules.refused = [](const incm::base::Error&, const std::string&) {};
    incm::http::Server server(std::move(options), answer);
    if (const auto started = server.start(); !started.ok()) {
        std::cerr << "guard_plain: " << started.error().text << '\n';
        return 1;
    }
    std::cout << server.port() << std::endl;
    std::cin.get();
    server.stop(0);
    return 0;
}
