/* SPDX-License-Identifier: Apache-2.0 */
#include "feature.h"

#include "scenario.h"

#include <string.h>

/*
 * Where the number of a feature is: in one of these structs, which a scenario has once or more
 * often.
 */
typedef enum place { LINK, HOP, ADVERSARY, APP, OPTION, WORLD, ROGUE } place;

typedef sim_link_config of_LINK;
typedef sim_hop_config of_HOP;
typedef sim_adversary_config of_ADVERSARY;
typedef sim_app_config of_APP;
typedef rill_connection_options of_OPTION;
typedef sim_scenario of_WORLD;
typedef sim_rogue_config of_ROGUE;

static const struct {
    const char *name;
    place place;
    size_t offset;
    size_t size;
} table[] = {
#define ROW(id, name, where, member)                                                               \
    {name, where, offsetof(of_##where, member), sizeof(((of_##where *)0)->member)},
    SIM_FEATURES(ROW)
#undef ROW
};

/* Each struct of a scenario that has the place's members; NULL after the last. */
static void *instance(sim_scenario *s, place where, unsigned i)
{
    unsigned path = i / (SIM_MAX_HOPS + 1);
    unsigned at = i % (SIM_MAX_HOPS + 1);
    switch (where) {
    case LINK:
        return path < SIM_MAX_PATHS ? &s->path[path].link[at] : NULL;
    case HOP:
    case ADVERSARY:
        path = i / SIM_MAX_HOPS;
        at = i % SIM_MAX_HOPS;
        if (path >= SIM_MAX_PATHS)
            return NULL;
        return where == HOP ? (void *)&s->path[path].hop[at] : &s->path[path].hop[at].adversary;
    case APP:
        return i == 0 ? &s->client_app : i == 1 ? &s->server_app : NULL;
    case OPTION:
        return i == 0 ? &s->client_options : i == 1 ? &s->server_options : NULL;
    case WORLD:
        return i == 0 ? s : NULL;
    case ROGUE:
        return i == 0 ? &s->rogue : NULL;
    }
    return NULL;
}

/* The value of a member when the feature is off: zero, except for options. */
static const void *neutral(sim_feature f, rill_connection_options *defaults)
{
    static const uint8_t zeros[64];
    if (table[f].place != OPTION)
        return zeros;
    rill_connection_options_init(defaults);
    return (const uint8_t *)defaults + table[f].offset;
}

const char *sim_feature_name(sim_feature f)
{
    return table[f].name;
}

sim_feature sim_feature_find(const char *name, size_t len)
{
    for (unsigned f = 0; f < SIM_FEATURE_COUNT; f++)
        if (strlen(table[f].name) == len && memcmp(table[f].name, name, len) == 0)
            return (sim_feature)f;
    return SIM_FEATURE_COUNT;
}

bool sim_feature_on(const sim_scenario *s, sim_feature f)
{
    rill_connection_options defaults;
    const void *off = neutral(f, &defaults);
    uint8_t *at;
    for (unsigned i = 0; (at = instance((sim_scenario *)s, table[f].place, i)) != NULL; i++)
        if (memcmp(at + table[f].offset, off, table[f].size) != 0)
            return true;
    return false;
}

void sim_feature_remove(sim_scenario *s, sim_feature f)
{
    rill_connection_options defaults;
    const void *off = neutral(f, &defaults);
    uint8_t *at;
    for (unsigned i = 0; (at = instance(s, table[f].place, i)) != NULL; i++)
        memcpy(at + table[f].offset, off, table[f].size);
}

uint32_t *sim_feature_trick(sim_scenario *s, sim_feature f)
{
    return (uint32_t *)(void *)((uint8_t *)&s->rogue + table[f].offset);
}
