/* SPDX-License-Identifier: MIT */
/* Reads the kernel's tables of TCP sockets: one line each, the local address as hexadecimal words
 * in the machine's byte order. Those that listen come first (proc_net_tcp.rst of the kernel), and
 * of the others there may be very many. */
#include "listening.h"

#include <stdio.h>
#include <string.h>

#include "net.h"

enum {
    STATE_LISTEN = 0x0a,
    WORDS_MAX = 4
};

/* "0100007F" or four such words; false when it is something else. */
static bool parse_ip(const char *text, size_t word_count, uint8_t ip[16])
{
    if (strlen(text) != word_count * 8)
        return false;
    memset(ip, 0, 10);
    memset(ip + 10, 0xff, 6);
    for (size_t i = 0; i < word_count; i++) {
        char word_text[9] = "";
        unsigned value;
        memcpy(word_text, text + 8 * i, 8);
        if (sscanf(word_text, "%x", &value) != 1)
            return false;
        uint32_t word = value;
        memcpy(word_count == 1 ? ip + 12 : ip + 4 * i, &word, sizeof word);
    }
    return true;
}

/* A wildcard listener takes connections to any address of its family; [::] mostly IPv4 too. */
static bool covers(const vx6_addr *listener, const vx6_addr *addr)
{
    if (listener->port != addr->port)
        return false;
    if (net_addr_equal(listener, addr))
        return true;
    bool same_family = net_is_ipv4(listener) == net_is_ipv4(addr);
    return net_scope(listener) == NET_ANY && (same_family || net_is_ipv4(addr));
}

static enum listening look(const char *path, size_t word_count, const vx6_addr *addr)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return LISTENING_UNKNOWN;
    enum listening result = LISTENING_NO;
    char line[512], ip[33];
    unsigned port, state = STATE_LISTEN;
    while (result == LISTENING_NO && state == STATE_LISTEN && fgets(line, sizeof line, file)) {
        vx6_addr listener;
        if (sscanf(line, " %*u: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x", ip, &port, &state) != 3 ||
            state != STATE_LISTEN || !parse_ip(ip, word_count, listener.ip))
            continue;
        listener.port = (uint16_t)port;
        if (covers(&listener, addr))
            result = LISTENING_YES;
    }
    fclose(file);
    return result;
}

enum listening listening_on(const vx6_addr *addr)
{
    if (net_scope(addr) != NET_LOOPBACK)
        return LISTENING_UNKNOWN;
    enum listening result = look("/proc/self/net/tcp6", WORDS_MAX, addr);
    if (result != LISTENING_YES && net_is_ipv4(addr))
        result = look("/proc/self/net/tcp", 1, addr);
    return result;
}
