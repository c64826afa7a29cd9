/* SPDX-License-Identifier: MIT */
/* Outcomes in the words of somebody at the command line. Each line names what was wanted, says what
 * happened, and behind the colon what to do. */
#include "explain.h"

#include <stdio.h>
#include <string.h>

static const char *key_mismatch(const struct explain_subject *subject)
{
    switch (subject->key_source) {
    case EXPLAIN_KEY_GIVEN:
        return "refused, because the node there has another key than the one given with --key; "
               "nothing was sent to the service: ask its owner for the output of vx6 identity";
    case EXPLAIN_KEY_KEPT:
        return "refused, because the node there has another key than the one kept since the first "
               "use of this address: if its owner confirms a new key, give it with --key";
    case EXPLAIN_KEY_NONE:
        return "refused, because the node that answered has another key than the one that the "
               "name is bound to, or led to before: ask its owner, and connect with --addr and "
               "--key";
    }
    return "";
}

/* A session fails before its dial, when nobody was found to be dialled, or after it. */
static const char *by_name(bool was_dialled, enum vx6_code code)
{
    if (code == VX6_NOT_FOUND)
        return "no live record under this name: check the spelling, and that its node is running "
               "and has a peer";
    if (code == VX6_NO_HOST)
        return "the name's owner says that another node hosts this service, and that node has no "
               "live "
               "record: see that it is running, or ask the owner where the service is now";
    if (code == VX6_NO_PEERS)
        return "this node knows no peer to ask: add one with vx6 peer add ADDR, or connect with "
               "--addr";
    if (code == VX6_AMBIGUOUS)
        return "several nodes claim this name, and vx6 resolve lists each with a name of its own: "
               "ask the owner for the right key (vx6 identity), and use the name beside it";
    if (code == VX6_UNREACHABLE && !was_dialled)
        return "the name is known, but none of its addresses may be dialled from here: its owner "
               "must publish a public one, or connect with --addr and --key";
    if (code == VX6_TIMEOUT && !was_dialled)
        return "the search for the name took too long: see that this node is online, and try again";
    if (code == VX6_UNREACHABLE)
        return "the name is known, but nothing answers at its address: see that its node is "
               "running and that its port is open";
    if (code == VX6_TIMEOUT)
        return "the name is known, but its node does not answer: see that it is running and that "
               "no firewall is in the way";
    if (code == VX6_TRUNCATED)
        return "the connection to its node was cut: see that it is running, and try again";
    return NULL;
}

static const char *by_addr(enum vx6_code code)
{
    if (code == VX6_UNREACHABLE)
        return "nothing answers there: check address and port, and that the node is running";
    if (code == VX6_TIMEOUT)
        return "no answer: check address and port, and that no firewall is in the way";
    if (code == VX6_TRUNCATED)
        return "the connection was cut: check that a VX6 node listens there";
    return NULL;
}

static const char *anywhere(const struct explain_subject *subject, enum vx6_code code)
{
    if (code == VX6_KEY_MISMATCH)
        return key_mismatch(subject);
    if (code == VX6_REVOKED && subject->is_revoked)
        return "the key of this node itself was revoked, so nobody lets it in: vx6 doctor says "
               "what to do";
    if (code == VX6_REVOKED)
        return "its key was revoked by its owner, so nobody who has that key is believed: ask the "
               "owner for the new key, and bind the name to it with vx6 pin NAME KEY --replace";
    if (code == VX6_TOO_MANY_KEYS)
        return "its key has changed more often than this node goes along with: ask the owner for "
               "the present one, and bind the name to it with vx6 pin NAME KEY --replace";
    if (code == VX6_NO_SERVICE)
        return "the node offers no such service: check the service's name with its owner";
    if (code == VX6_NOT_ALLOWED)
        return "its owner has not allowed this node to use it: send them the key that vx6 identity "
               "shows here, for vx6 service allow";
    if (code == VX6_SERVICE_DOWN)
        return "the service behind it does not accept connections: its owner must start it";
    if (code == VX6_SELF && subject->addr && subject->key_source == EXPLAIN_KEY_GIVEN)
        return "the key given with --key is that of this node itself: give the key of the node "
               "there, from vx6 identity at that node";
    if (code == VX6_SELF && subject->name == NULL)
        return "that is this node itself: give the address of another one";
    if (code == VX6_SELF)
        return "that is this node itself: use the service's own address";
    if (code == VX6_LIMIT)
        return "too many attempts or too much open at once: try again in a minute";
    if (code == VX6_SHUTDOWN && subject->is_ending)
        return "this node is shutting down: start it again first";
    if (code == VX6_SHUTDOWN)
        return "the node there is shutting down: try again later";
    return NULL;
}

const char *explain_why(const struct explain_subject *subject, enum vx6_code code)
{
    const char *why = anywhere(subject, code);
    if (why == NULL)
        why = subject->addr ? by_addr(code) : by_name(subject->was_dialled, code);
    return why ? why : vx6_code_text(code);
}

void explain_line(char line[TEXT_ERROR_SIZE], const struct explain_subject *subject,
    enum vx6_code code, const char *why)
{
    char addr[TEXT_ADDR_SIZE] = "";
    if (subject->addr)
        text_addr(addr, subject->addr);
    snprintf(line, TEXT_ERROR_SIZE, "%s%s%s: %s: %s", subject->name ? subject->name : "",
        subject->name && subject->addr ? " at " : "", addr, vx6_code_name(code), why);
}

void explain(char line[TEXT_ERROR_SIZE], const struct explain_subject *subject, enum vx6_code code)
{
    explain_line(line, subject, code, explain_why(subject, code));
}
