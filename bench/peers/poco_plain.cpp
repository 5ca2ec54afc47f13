// What Poco's HTTP server can do by itself: the yardstick of `bench/engine.py`.
//
// It reads each request's body and answers 200 with a small JSON text of the size of ours. Nothing
// is checked, stored or handed on. One thread a connection, and no end to a kept-alive one, as in
// the receiver. It prints its port, and serves until its standard input ends.

#include <iostream>
#include <string>
#include <string_view>

#include <Poco/Exception.h>
#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/StreamCopier.h>
#include <Poco/ThreadPool.h>

namespace {

using Poco::Net::HTTPServerRequest;
using Poco::Net::HTTPServerResponse;

constexpr int kMaxConnections = 256;
constexpr int kBacklog = 1024;

class Handler final : public Poco::Net::HTTPRequestHandler {
 public:
    void handleRequest(HTTPServerRequest& request, HTTPServerResponse& response) override {
        std::string body;
        Poco::StreamCopier::copyToString(request.stream(), body);
        constexpr std::string_view kAnswer = R"({"status": "accepted", "id": 12345})";
        response.setContentType("application/json");
        response.sendBuffer(kAnswer.data(), kAnswer.size());
    }
};

class Factory final : public Poco::Net::HTTPRequestHandlerFactory {
 public:
    Poco::Net::HTTPRequestHandler* createRequestHandler(const HTTPServerRequest&) override {
        return new Handler;
    }
};

void serve() {
    Poco::Net::ServerSocket socket;
    socket.bind(Poco::Net::SocketAddress("127.0.0.1", 0), true, false);
    socket.listen(kBacklog);
    Poco::Net::HTTPServerParams::Ptr params = new Poco::Net::HTTPServerParams;
    params->setKeepAlive(true);
    params->setMaxKeepAliveRequests(0);
    params->setMaxThreads(kMaxConnections);
    params->setMaxQueued(kMaxConnections);
    Poco::ThreadPool pool(2, kMaxConnections + 1);
    Poco::Net::HTTPServer server(new Factory, pool, socket, params);
    server.start();
    std::cout << server.port() << std::endl;
    std::cin.get();
    server.stopAll(true);
}

}  // namespace

int main() {
    try {
        serve();
    } catch (const Poco::Exception& error) {
        std::cerr << "poco_plain: " << error.displayText() << '\n';
        return 1;
    }
    return 0;
}
