/* SPDX-License-Identifier: Apache-2.0 */
/* What is allocated by malloc: inUse() in bytes. RSS says it in pages, and late. Of glibc alone. */
#define NAPI_VERSION 8
#include <node_api.h>

#include <malloc.h>

static napi_value in_use(napi_env env, napi_callback_info info)
{
    struct mallinfo2 all = mallinfo2();
    napi_value result = NULL;
    (void)info;
    napi_create_double(env, (double)(all.uordblks + all.hblkhd), &result);
    return result;
}

NAPI_MODULE_INIT()
{
    napi_value function = NULL;
    if (napi_create_function(env, "inUse", NAPI_AUTO_LENGTH, in_use, NULL, &function) != napi_ok ||
        napi_set_named_property(env, exports, "inUse", function) != napi_ok)
        napi_throw_error(env, NULL, "the addon could not be set up");
    return exports;
}
