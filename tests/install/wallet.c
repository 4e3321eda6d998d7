/* Payments above STREAM: reads a payment pointer, and asks a server that is not there. */
#include <rill/loop.h>
#include <rill/spsp.h>
#include <stdio.h>
#include <string.h>

static void on_done(const rill_spsp_result *result, void *user)
{
    *(int *)user = result->error;
    puts(result->problem);
}

int main(void)
{
    char url[256];
    rill_loop *loop;
    rill_spsp_query *query;
    rill_spsp_query_options o;
    int error = RILL_OK;
    rill_spsp_query_options_init(&o);
    if (rill_receiver_url("$wallet.example/alice", false, url, sizeof url, NULL) ||
        strcmp(url, "https://wallet.example/alice") != 0 || rill_loop_new(&loop, NULL) ||
        rill_spsp_query_start(&query, loop, "http://127.0.0.1:1/alice", &o, on_done, &error, NULL))
        return 1;
    return rill_loop_run(loop) || rill_loop_free(loop) || error != RILL_ERR_CONNECT ? 2 : 0;
}
