#include "net/resolver.h"

#include <netdb.h>
#include <uv.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/check.h"
#include "net/loop.h"
#include "net/text.h"

namespace ram::net {
namespace {

constexpr addrinfo kHints = {.ai_flags = 0, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};

std::vector<Endpoint> endpoints_of(const addrinfo* found, uint16_t port) {
  std::vector<Endpoint> endpoints;
  for (; found != nullptr; found = found->ai_next) {
    if (found->ai_family != AF_INET && found->ai_family != AF_INET6) continue;
    const Endpoint endpoint = Endpoint(*found->ai_addr).with_port(port);
    if (std::find(endpoints.begin(), endpoints.end(), endpoint) == endpoints.end()) {
      endpoints.push_back(endpoint);
    }
  }
  return endpoints;
}

Result<std::vector<Endpoint>> answer_of(const Address& address, int error, addrinfo* found) {
  std::vector<Endpoint> endpoints;
  if (error == 0) endpoints = endpoints_of(found, address.port);
  if (found != nullptr) uv_freeaddrinfo(found);
  if (!endpoints.empty()) return endpoints;
  const std::string why = error == 0 ? "it has no IP address" : reason_of(error);
  return Status::unavailable("cannot resolve " + address.host + ": " + why);
}

}  // namespace

Result<std::vector<Endpoint>> resolve_now(const Address& address) {
  std::vector<Endpoint> literal = Endpoint::literal(address);
  if (!literal.empty()) return literal;
  // A loop that never runs: the call is synchronous without a callback.
  uv_loop_t loop;
  RAM_CHECK(uv_loop_init(&loop) == 0);
  uv_getaddrinfo_t request;
  const int error =
      uv_getaddrinfo(&loop, &request, nullptr, address.host.c_str(), nullptr, &kHints);
  Result<std::vector<Endpoint>> answer =
      answer_of(address, error, error == 0 ? request.addrinfo : nullptr);
  RAM_CHECK(uv_loop_close(&loop) == 0);
  return answer;
}

struct Resolver::Inside {
  explicit Inside(Loop& on)
      : loop(on), later(on, Deferred::When::kBeforeOnPass, [this] { tell(std::move(*known)); }) {}

  // May end in the destruction of the Resolver: the caller holds on to this Inside.
  void tell(Result<std::vector<Endpoint>> result) {
    asking = false;
    known.reset();
    const Answer to_call = std::exchange(answer, nullptr);
    if (to_call) to_call(std::move(result));
  }

  Loop& loop;
  bool asking = false;
  Address address;
  Answer answer;
  uv_getaddrinfo_t request;
  std::shared_ptr<Inside> held;  // while libuv has `request`

  Deferred later;
  std::optional<Result<std::vector<Endpoint>>> known;  // for `later`
};

Resolver::Resolver(Loop& loop) : inside_(std::make_shared<Inside>(loop)) {}

Resolver::~Resolver() {
  inside_->answer = nullptr;
  inside_->later.cancel();
  if (inside_->held) uv_cancel(reinterpret_cast<uv_req_t*>(&inside_->request));
}

bool Resolver::asking() const {
  return inside_->asking;
}

void Resolver::ask(const Address& address, Answer answer) {
  Inside& in = *inside_;
  RAM_CHECK(!in.asking);
  in.asking = true;
  in.address = address;
  in.answer = std::move(answer);

  std::vector<Endpoint> literal = Endpoint::literal(address);
  if (!literal.empty()) {
    in.known = std::move(literal);
    in.later.ask();
    return;
  }
  in.request.data = &in;
  const int error = uv_getaddrinfo(
      in.loop.uv(), &in.request,
      [](uv_getaddrinfo_t* request, int status, addrinfo* found) {
        const auto self = std::move(static_cast<Inside*>(request->data)->held);
        self->tell(answer_of(self->address, status, status == 0 ? found : nullptr));
      },
      address.host.c_str(), nullptr, &kHints);
  if (error == 0) {
    in.held = inside_;
  } else {
    in.known = answer_of(address, error, nullptr);
    in.later.ask();
  }
}

}  // namespace ram::net
