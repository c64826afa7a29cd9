/* SPDX-License-Identifier: MIT */
/* Live traffic, changed, for a node that runs elsewhere: see fuzz/README.md. After each input the
 * node has to show that it lives, so that what is counted has been read. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "number.h"
#include "play.h"

enum {
    ANSWER_MS = 20000, /* what an honest message waits for */
    PAUSE_MS = 50,     /* between tries at a link: the node has bounds, and a pace */
    SPOILT_MS = 20,    /* what may never come, since a message before it was changed */
    INPUTS_PER_LINK = 40,
    ASKS_UNPROVEN = 8, /* between two that are waited for */
    RENEW_S = 600,
    PROGRESS = 10000
};

struct away {
    struct play *play;
    struct sockaddr_storage addr; /* the node's */
    socklen_t addr_len;
    int stream, datagrams[STAGE_PEERS];
    uint8_t buffer[1 << 17]; /* of the stream: what is not understood yet */
    size_t have;
    uint32_t links;
    bool is_alive, is_accepted; /* heard on the link */
    uint64_t lost;              /* honest messages without an answer */
};

static struct away away; /* what the hooks find */

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* ---- carriers ---- */

static void end_link(void)
{
    if (away.stream >= 0)
        close(away.stream);
    away.stream = -1;
    away.have = 0;
    struct lane *lane = away.play->lane;
    if (lane && lane->is_alive)
        lane_clear(away.play->stage, lane);
    away.play->lane = NULL;
}

static void send_bytes(
    struct stage *stage, struct lane *lane, uint8_t channel, const uint8_t *data, size_t len)
{
    (void)stage;
    (void)lane;
    (void)channel;
    while (len > 0 && away.stream >= 0) {
        ssize_t sent = send(away.stream, data, len, MSG_NOSIGNAL);
        if (sent < 0)
            return; /* the node has closed it, which is found when it is read */
        data += sent;
        len -= (size_t)sent;
    }
}

static void send_datagram(
    struct stage *stage, const vx6_addr *from, const uint8_t *data, size_t len)
{
    for (uint32_t i = 0; i < STAGE_PEERS; i++) {
        if (stage->peers[i].addr.port == from->port)
            (void)sendto(
                away.datagrams[i], data, len, 0, (struct sockaddr *)&away.addr, away.addr_len);
    }
}

/* Bytes of the message or record that begins the buffer; 0: not known yet. */
static size_t unit_size(const struct lane *lane)
{
    if (lane->step == 1)
        return LINK_MESSAGE_2_SIZE;
    return away.have < RECORD_HEAD_SIZE ? 0 : RECORD_HEAD_SIZE + (size_t)load_u16(away.buffer);
}

static void hear_units(void)
{
    struct lane *lane = away.play->lane;
    size_t size;
    while (lane && lane->is_alive && (size = unit_size(lane)) > 0 && size <= away.have) {
        struct vx6_batch batch = {.dst = away.buffer, .len = size, .segment_len = size};
        lane_hear(away.play->stage, lane, &batch);
        away.have -= size;
        memmove(away.buffer, away.buffer + size, away.have);
    }
}

static void read_stream(void)
{
    ssize_t got =
        recv(away.stream, away.buffer + away.have, sizeof away.buffer - away.have, MSG_DONTWAIT);
    if (got > 0) {
        away.have += (size_t)got;
        hear_units();
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        end_link();
    }
}

static void read_datagrams(uint32_t peer)
{
    uint8_t datagram[2048];
    ssize_t got;
    while ((got = recv(away.datagrams[peer], datagram, sizeof datagram, MSG_DONTWAIT)) > 0)
        peer_hear(away.play->stage, &away.play->stage->peers[peer].addr,
            (vx6_span){datagram, (size_t)got});
}

/* What comes within so many milliseconds; false: nothing. */
static bool read_all(int ms)
{
    struct pollfd polls[STAGE_PEERS + 1] = {{.fd = away.stream, .events = POLLIN}};
    for (uint32_t i = 0; i < STAGE_PEERS; i++)
        polls[i + 1] = (struct pollfd){.fd = away.datagrams[i], .events = POLLIN};
    if (poll(polls, STAGE_PEERS + 1, ms) <= 0)
        return false;
    if (polls[0].revents)
        read_stream();
    for (uint32_t i = 0; i < STAGE_PEERS; i++) {
        if (polls[i + 1].revents)
            read_datagrams(i);
    }
    return true;
}

static void drain(struct stage *stage)
{
    (void)stage;
    while (read_all(0)) {
    }
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* Until it is so, the link has ended, or so much time has passed. */
static bool wait_for(const bool *is_so, int ms)
{
    int64_t end = now_ms() + ms, left;
    while (!*is_so && away.stream >= 0 && (left = end - now_ms()) > 0)
        (void)read_all((int)left);
    return *is_so;
}

/* ---- links ---- */

static void hear(struct stage *stage, struct lane *lane, const struct vx6_msg *frame)
{
    play_hear(stage, lane, frame);
    away.is_alive |= frame->type == VX6_MSG_link_alive;
    away.is_accepted |= frame->type == VX6_MSG_stream_accept;
}

/* An own address, of another network each time where loopback has more than one: a node takes only
 * so many handshakes a second from one. */
static struct sockaddr_in6 own_addr(uint32_t network)
{
    const struct sockaddr_in6 *node = (const struct sockaddr_in6 *)&away.addr;
    struct sockaddr_in6 own = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    if (!IN6_IS_ADDR_V4MAPPED(&node->sin6_addr))
        return own;
    own.sin6_addr = node->sin6_addr;
    own.sin6_addr.s6_addr[13] = (uint8_t)(network >> 8);
    own.sin6_addr.s6_addr[14] = (uint8_t)network;
    return own;
}

/* It comes up if nothing of its handshake is changed. */
static void connect_link(void)
{
    struct play *play = away.play;
    struct stage *stage = play->stage;
    struct sockaddr_in6 own = own_addr(away.links);
    int on = 1;
    end_link();
    away.stream = socket(AF_INET6, SOCK_STREAM, 0);
    if (away.stream < 0 || bind(away.stream, (struct sockaddr *)&own, sizeof own) != 0 ||
        connect(away.stream, (struct sockaddr *)&away.addr, away.addr_len) != 0)
        fail("connect");
    (void)setsockopt(away.stream, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    play->theirs = play->ours = (struct talk){0};
    play->level = LEVEL_UP;
    play->uses = 0;
    play->link = (vx6_id){++away.links};
    play->lane =
        lane_new(stage, play->link, &stage->peers[chance_below(&play->chance, STAGE_PEERS)]);
    play->lane->is_initiator = true;
    lane_start(stage, play->lane);
}

static bool is_alive(int ms)
{
    away.is_alive = false;
    if (!play_is_live(away.play))
        return false;
    play_say(away.play, &away.play->theirs, VX6_MSG_link_probe);
    return wait_for(&away.is_alive, ms);
}

static bool keyed(int ms)
{
    int64_t end = now_ms() + ms;
    while (play_is_live(away.play) && away.play->lane->step < LANE_KEYED && now_ms() < end)
        (void)read_all((int)(end - now_ms()));
    return play_is_live(away.play) && away.play->lane->step == LANE_KEYED;
}

/* A session and a stream that the service behind it has taken, with bytes on it. */
static bool prepare_link(void)
{
    struct play *play = away.play;
    connect_link();
    if (!keyed(ANSWER_MS))
        return false;
    if (chance_of(&play->chance, 30))
        return is_alive(ANSWER_MS);
    away.is_accepted = false;
    play_say(play, &play->theirs, VX6_MSG_session_open);
    play_say(play, &play->theirs, VX6_MSG_stream_open);
    if (!wait_for(&away.is_accepted, ANSWER_MS))
        return false;
    play->level = LEVEL_DATA;
    play_say(play, &play->theirs, VX6_MSG_stream_data);
    return is_alive(ANSWER_MS);
}

static void link_scene(void)
{
    struct play *play = away.play;
    bool is_ready = play_is_live(play) && play->uses++ < INPUTS_PER_LINK;
    int64_t end = now_ms() + ANSWER_MS;
    while (!is_ready && !(is_ready = prepare_link()) && now_ms() < end)
        (void)poll(NULL, 0, PAUSE_MS);
    if (!is_ready) {
        away.lost++;
        return;
    }
    play_spoil_frame(play, play_any_frame(play));
    if (play->target == SENT_RECORD || !is_alive(ANSWER_MS))
        end_link();
}

static void handshake_scene(void)
{
    struct play *play = away.play;
    play_arm(play, chance_of(&play->chance, 50) ? SAID_HANDSHAKE : SENT_HANDSHAKE);
    play->skips = play->target == SENT_HANDSHAKE ? chance_below(&play->chance, 2) : 0;
    connect_link();
    if (keyed(SPOILT_MS))
        (void)is_alive(SPOILT_MS);
    play->is_armed = false;
    play->skips = 0;
    end_link();
}

/* ---- queries ---- */

/* The node answers, if need be once the cookie that it wants has been shown. */
static bool ping(struct stage_peer *peer)
{
    static const uint8_t message[] = {VX6_MSG_ping};
    uint64_t answered = peer->answered;
    for (int64_t end = now_ms() + ANSWER_MS; peer->answered == answered && now_ms() < end;) {
        peer_ask(away.play->stage, peer, (vx6_span){message, sizeof message}, false);
        (void)read_all(100);
    }
    return peer->answered > answered;
}

static void ask_scene(void)
{
    struct play *play = away.play;
    struct stage_peer *peer = &play->stage->peers[chance_below(&play->chance, STAGE_PEERS)];
    for (uint32_t i = 0; i < ASKS_UNPROVEN; i++)
        play_spoil_ask(play, peer);
    if (!ping(peer))
        away.lost++;
}

/* ---- the program ---- */

static void usage(FILE *file)
{
    (void)fputs(
        "usage: mutate-node --addr [IP]:PORT --key KEY [--seed N] [--count N]\n\n"
        "Gives a running node COUNT (20000) inputs that were changed by somebody who knows the\n"
        "tables of messages, half of them at least on links that are up. It should offer a "
        "service\n"
        "web, whose target accepts connections, and listen at 127.0.0.1, [::ffff:127.0.0.1]:PORT,\n"
        "since who asks so much from one network is slowed down. Exit code: 0; 1 when the node "
        "did\n"
        "not answer in between; 2 it was asked in a wrong way.\n",
        file);
}

static _Noreturn void refuse_arguments(void)
{
    usage(stderr);
    exit(2);
}

static void set_addr(const char *text)
{
    char ip[64];
    unsigned port;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&away.addr;
    if (sscanf(text, "[%63[^]]]:%u", ip, &port) != 2 || port > UINT16_MAX ||
        inet_pton(AF_INET6, ip, &v6->sin6_addr) != 1)
        refuse_arguments();
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)port);
    away.addr_len = sizeof *v6;
}

static void open_datagrams(struct stage *stage)
{
    for (uint32_t i = 0; i < STAGE_PEERS; i++) {
        struct sockaddr_in6 own = own_addr(i);
        socklen_t len = sizeof own;
        away.datagrams[i] = socket(AF_INET6, SOCK_DGRAM, 0);
        if (away.datagrams[i] < 0 ||
            bind(away.datagrams[i], (struct sockaddr *)&own, sizeof own) != 0 ||
            getsockname(away.datagrams[i], (struct sockaddr *)&own, &len) != 0)
            fail("socket");
        memcpy(stage->peers[i].addr.ip, &own.sin6_addr, 16);
        stage->peers[i].addr.port = ntohs(own.sin6_port);
    }
}

static void run(struct play *play, uint64_t count)
{
    uint64_t told = 0;
    time_t renewed = 0;
    while (tally_inputs(&play->tally) < count && away.lost == 0) {
        if (time(NULL) - renewed >= RENEW_S) {
            renewed = time(NULL);
            play_renew(play);
        }
        uint32_t draw = chance_below(&play->chance, 100);
        if (draw < 90)
            link_scene();
        else if (draw < 94)
            handshake_scene();
        else
            ask_scene();
        if (tally_inputs(&play->tally) - told >= PROGRESS) {
            told += PROGRESS;
            fprintf(stderr, "%" PRIu64 " inputs\n", told);
        }
    }
    end_link();
}

int main(int argc, char **argv)
{
    static const struct option names[] = {{"addr", required_argument, NULL, 'a'},
        {"key", required_argument, NULL, 'k'}, {"seed", required_argument, NULL, 's'},
        {"count", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {0}};
    static const struct stage_carrier carrier = {send_bytes, send_datagram, drain};
    uint64_t seed = 1, count = 20000;
    uint8_t key[32];
    bool has_key = false;
    int name;
    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
        bool is_good = true;
        if (name == 'a') {
            set_addr(optarg);
        } else if (name == 'k') {
            is_good = has_key = vx6_key_parse(&vx6_crypto_real, key, optarg, strlen(optarg));
        } else if (name == 's') {
            is_good = number_parse(optarg, &seed);
        } else if (name == 'c') {
            is_good = number_parse(optarg, &count);
        } else if (name == 'h') {
            usage(stdout);
            return 0;
        } else {
            is_good = false;
        }
        if (!is_good)
            refuse_arguments();
    }
    if (!has_key || away.addr_len == 0)
        refuse_arguments();

    away.stream = -1;
    struct play *play = away.play = play_new_away(seed, key, &carrier);
    play->stage->hooks.hear = hear;
    open_datagrams(play->stage);
    run(play, count);

    uint64_t inputs = tally_inputs(&play->tally), sealed = tally_sealed(&play->tally);
    printf("%" PRIu64 " inputs changed on their way (seed %" PRIu64 ") on %" PRIu32
           " links and in queries\n",
        inputs, seed, away.links);
    printf("%" PRIu64 " of them (%" PRIu64 " %%) on links after the handshake, before sealing\n",
        sealed, inputs ? 100 * sealed / inputs : 0);
    if (away.lost > 0)
        puts("then the node did not answer");
    return away.lost == 0 && 2 * sealed >= inputs ? EXIT_SUCCESS : EXIT_FAILURE;
}
