/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "io/adopt.h"

#include <assert.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "io/acceptor.h"

typedef struct adopted {
    rill_list node;
    int fd;
    struct sockaddr_storage address;
    dev_t device; /* these two say which socket it is, by whatever descriptor */
    ino_t number;
} adopted;

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static bool is_number(int fd, int option, int wanted)
{
    int value = 0;
    socklen_t len = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 && value == wanted;
}

/* All that is behind the end of an address is 0. */
static bool address_of(int fd, struct sockaddr_storage *address)
{
    socklen_t len = sizeof *address;
    memset(address, 0, sizeof *address);
    if (getsockname(fd, (struct sockaddr *)address, &len) != 0 || len > sizeof *address)
        return false;
    if (address->ss_family == AF_UNIX)
        return ((const struct sockaddr_un *)address)->sun_path[0] != '\0';
    return address->ss_family == AF_INET || address->ss_family == AF_INET6;
}

static bool is_here(const rill_loop *loop, const struct stat *which)
{
    for (const rill_list *at = loop->adopted.next; at != &loop->adopted; at = at->next) {
        const adopted *a = RILL_CONTAINER(at, const adopted, node);
        if (a->device == which->st_dev && a->number == which->st_ino)
            return true;
    }
    return false;
}

int rill_loop_adopt_socket(rill_loop *loop, int fd)
{
    struct sockaddr_storage address;
    struct stat which;
    if (!is_number(fd, SO_TYPE, SOCK_STREAM) || !is_number(fd, SO_ACCEPTCONN, 1) ||
        !address_of(fd, &address) || fstat(fd, &which) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return RILL_ERR_INVALID;
    if (is_here(loop, &which)) {
        close(fd);
        return RILL_OK;
    }
    adopted *a = rill_alloc(memory(), sizeof *a);
    if (a == NULL)
        return RILL_ERR_NOMEM;
    a->fd = fd;
    a->address = address;
    a->device = which.st_dev;
    a->number = which.st_ino;
    rill_list_init(&a->node);
    rill_list_push_back(&loop->adopted, &a->node);
    return RILL_OK;
}

static bool same_ip4(const struct sockaddr *a, const struct sockaddr *b)
{
    const struct sockaddr_in *x = (const struct sockaddr_in *)a;
    const struct sockaddr_in *y = (const struct sockaddr_in *)b;
    return x->sin_port == y->sin_port && x->sin_addr.s_addr == y->sin_addr.s_addr;
}

static bool same_ip6(const struct sockaddr *a, const struct sockaddr *b)
{
    const struct sockaddr_in6 *x = (const struct sockaddr_in6 *)a;
    const struct sockaddr_in6 *y = (const struct sockaddr_in6 *)b;
    return x->sin6_port == y->sin6_port && x->sin6_scope_id == y->sin6_scope_id &&
           memcmp(&x->sin6_addr, &y->sin6_addr, sizeof x->sin6_addr) == 0;
}

static bool same(const struct sockaddr *a, const struct sockaddr *b)
{
    if (a->sa_family != b->sa_family)
        return false;
    if (a->sa_family == AF_INET)
        return same_ip4(a, b);
    if (a->sa_family == AF_INET6)
        return same_ip6(a, b);
    return strncmp(((const struct sockaddr_un *)a)->sun_path,
                   ((const struct sockaddr_un *)b)->sun_path,
                   sizeof((const struct sockaddr_un *)a)->sun_path) == 0;
}

static int let_go(adopted *a)
{
    int fd = a->fd;
    rill_list_remove(&a->node);
    rill_free(memory(), a);
    return fd;
}

int rill_adopted_take(rill_loop *loop, const struct sockaddr *address)
{
    for (rill_list *at = loop->adopted.next; at != &loop->adopted; at = at->next) {
        adopted *a = RILL_CONTAINER(at, adopted, node);
        if (same((const struct sockaddr *)&a->address, address))
            return let_go(a);
    }
    return -1;
}

size_t rill_loop_drop_adopted(rill_loop *loop)
{
    size_t count = 0;
    for (; !rill_list_empty(&loop->adopted); count++)
        close(let_go(RILL_CONTAINER(loop->adopted.next, adopted, node)));
    return count;
}

void rill_loop_each_listening(const rill_loop *loop, void (*each)(void *user, int fd), void *user)
{
    for (const rill_list *at = loop->listening.next; at != &loop->listening; at = at->next) {
        const rill_acceptor *l = RILL_CONTAINER(at, rill_acceptor, node);
        /* One with a path of its own takes that away when it is closed. */
        if (l->kept >= 0 && l->local.path[0] == '\0')
            each(user, l->kept);
    }
}
