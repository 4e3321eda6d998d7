// SPDX-License-Identifier: Apache-2.0
// The public headers from C++20: every one of them, handlers by name with the others left out, and
// constants where C++ wants constants. It pays nobody: its server finds no node.
#include <type_traits>

#include <rill/account.h>
#include <rill/api.h>
#include <rill/btp.h>
#include <rill/connection.h>
#include <rill/credentials.h>
#include <rill/credentials_file.h>
#include <rill/crypto.h>
#include <rill/endpoint.h>
#include <rill/error.h>
#include <rill/http_signature.h>
#include <rill/ilp.h>
#include <rill/key.h>
#include <rill/link.h>
#include <rill/loop.h>
#include <rill/net.h>
#include <rill/node.h>
#include <rill/op_sender.h>
#include <rill/open_payments.h>
#include <rill/payment.h>
#include <rill/ping.h>
#include <rill/quote.h>
#include <rill/reason.h>
#include <rill/receipt.h>
#include <rill/receiver.h>
#include <rill/rill.h>
#include <rill/shared.h>
#include <rill/spsp.h>
#include <rill/spsp_server.h>
#include <rill/stream.h>
#include <rill/trace.h>
#include <rill/types.h>
#include <rill/waiting.h>

static_assert(std::is_standard_layout_v<rill_handlers> && std::is_standard_layout_v<rill_event>);
static_assert(RILL_NEVER == UINT64_MAX && RILL_UNLIMITED == UINT64_MAX);
static_assert(rill_handlers{}.size == sizeof(rill_handlers));

namespace {

int closed_with = RILL_OK;

void on_closed(int error, const char *, void *)
{
    closed_with = error;
}

void on_up(rill_link *, void *) {}

// One handler of many, and the size by itself: of every struct of handlers that there is.
constexpr rill_handlers handlers = {.closed = on_closed};
constexpr rill_link_handlers link_handlers = {.up = on_up};
[[maybe_unused]] constexpr rill_account_handlers account_handlers = {
    .ready = [](rill_account *, void *) {}};
[[maybe_unused]] constexpr rill_node_handlers node_handlers = {.drained = [](void *) {}};
[[maybe_unused]] constexpr rill_op_sender_handlers op_sender_handlers = {
    .done = [](const rill_op_sender_result *, void *) {}};
[[maybe_unused]] constexpr rill_payment_handlers payment_handlers = {
    .done = [](int, bool, const rill_pay_result *, void *) {}};
[[maybe_unused]] constexpr rill_ping_handlers ping_handlers = {
    .done = [](int, bool, const char *, void *) {}};
[[maybe_unused]] constexpr rill_quote_handlers quote_handlers = {
    .quoted = [](rill_quote *, const rill_quote_path *, void *) {}};
[[maybe_unused]] constexpr rill_spsp_server_handlers spsp_server_handlers = {
    .closed = [](void *) {}};
[[maybe_unused]] constexpr rill_trace_handlers trace_handlers = {
    .done = [](int, bool, const char *, void *) {}};

void post(void *user)
{
    *static_cast<bool *>(user) = true;
}

} // namespace

int main()
{
    rill_connection_options connection;
    rill_link_options link;
    rill_net_options options;
    rill_loop *loop = nullptr;
    rill_server *server = nullptr;
    const char *problem = nullptr;
    bool posted = false;
    rill_connection_options_init(&connection);
    rill_link_options_init(&link);
    rill_net_options_init(&options);
    connection.min_rate = {1, 1};
    link.reconnect = false;
    options.link_uri = "btp+ws://:token@127.0.0.1:1";
    options.connection = &connection;
    options.link_options = &link;
    options.handlers = &handlers;
    if (rill_connection_options_check(&connection, &problem) != RILL_OK ||
        rill_loop_new(&loop, nullptr) != RILL_OK ||
        rill_loop_post(loop, post, &posted) != RILL_OK ||
        rill_server_open(&server, loop, &options, &problem) != RILL_OK)
        return 1;
    if (rill_loop_run(loop) != RILL_OK || rill_loop_free(loop) != RILL_OK)
        return 2;
    return posted && closed_with == RILL_ERR_CONNECT && link_handlers.up == on_up ? 0 : 3;
}
