/* SPDX-License-Identifier: MIT */
/* The small network behind pair tests: an ordered list of events, and the driver loop. */
#include "pair.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

enum event_kind {
    EVENT_DATAGRAM,
    EVENT_CHUNK,
    EVENT_CONNECT,
    EVENT_CONNECTED,
    EVENT_DOWN
};

struct pair_event {
    struct pair_event *next;
    vx6_ns at;
    uint64_t order;
    enum event_kind kind;
    uint32_t to;
    vx6_addr from;
    struct pair_carrier *carrier;
    int end; /* of the carrier: which end hears of it */
    uint8_t channel;
    size_t len;
    uint8_t data[];
};

struct pair_carrier {
    struct pair_carrier *next;
    uint32_t node[2];
    vx6_id link[2];
    bool open[2]; /* this end still listens */
    bool broken;  /* nothing arrives any more */
    vx6_ns last_arrival[2][VX6_CHANNEL_COUNT];
    uint8_t binding[32];
};

static const uint64_t unix_ms_at_start = 1800000000000;

static uint32_t draw(struct pair_net *net, uint32_t bound)
{
    net->rng ^= net->rng << 13;
    net->rng ^= net->rng >> 7;
    net->rng ^= net->rng << 17;
    return (uint32_t)((net->rng >> 16) % bound);
}

static void *resize(void *context, void *memory, size_t size_from, size_t size_to)
{
    struct pair_net *net = context;
    net->allocations += size_to > 0;
    bool is_starved = net->fail_at > 0 && net->allocations >= net->fail_at &&
                      net->allocations <= net->fail_at + net->fail_count;
    if (is_starved && size_to > 0)
        return NULL;
    net->memory = net->memory - size_from + size_to;
    if (size_to == 0) {
        free(memory);
        return NULL;
    }
    void *resized = realloc(memory, size_to);
    assert_non_null(resized);
    return resized;
}

static void count_event(void *context, const struct vx6_event *event)
{
    struct pair_net *net = context;
    net->counts[event->kind]++;
}

struct pair_net *pair_net_new(uint64_t seed, bool real)
{
    struct pair_net *net = calloc(1, sizeof *net);
    assert_non_null(net);
    net->crypto = real ? vx6_crypto_real : vx6_crypto_model;
    net->limits = vx6_limits_default;
    net->trace = (struct vx6_trace){count_event, net};
    net->rng = seed * 0x9e3779b97f4a7c15 + 1;
    net->now = VX6_SECOND;
    net->delay = 20 * VX6_MILLISECOND;
    const char *carrier = getenv("VX6_TEST_CARRIER");
    net->channels = carrier && strcmp(carrier, "channels") == 0;
    net->env = vx6_env_new((vx6_alloc){resize, net}, &net->crypto, &net->limits, &net->trace);
    assert_non_null(net->env);
    return net;
}

static struct pair_event *event_add(
    struct pair_net *net, enum event_kind kind, vx6_ns at, const uint8_t *data, size_t len)
{
    struct pair_event *event = calloc(1, sizeof *event + len);
    assert_non_null(event);
    event->kind = kind;
    event->at = at;
    event->order = net->event_order++;
    event->len = len;
    if (len > 0)
        memcpy(event->data, data, len);
    struct pair_event **place = &net->events;
    while (*place && (*place)->at <= at)
        place = &(*place)->next;
    event->next = *place;
    *place = event;
    return event;
}

static struct pair_node *node_at(struct pair_net *net, const vx6_addr *addr)
{
    for (uint32_t i = 0; i < net->node_count; i++) {
        const struct pair_node *node = &net->nodes[i];
        if (memcmp(node->addr.ip, addr->ip, 16) == 0 ||
            (node->also.port != 0 && memcmp(node->also.ip, addr->ip, 16) == 0))
            return &net->nodes[i];
    }
    return NULL;
}

static void send_datagram(struct pair_node *from, const vx6_addr *to, uint8_t *data, size_t len)
{
    struct pair_net *net = from->net;
    struct pair_node *target = node_at(net, to);
    net->datagrams++;
    if (net->on_datagram)
        net->on_datagram(net, data, &len);
    if (target == NULL || draw(net, 1000) < net->faults.drop_permille)
        return;
    bool from_also = from->also_met[target - net->nodes];
    target->also_met[from - net->nodes] = memcmp(target->addr.ip, to->ip, 16) != 0;
    int copies = draw(net, 1000) < net->faults.duplicate_permille ? 2 : 1;
    while (copies-- > 0) {
        vx6_ns at = net->now + net->delay;
        if (draw(net, 1000) < net->faults.reorder_permille)
            at += draw(net, 200) * VX6_MILLISECOND;
        struct pair_event *event = event_add(net, EVENT_DATAGRAM, at, data, len);
        event->to = (uint32_t)(target - net->nodes);
        event->from = from_also ? from->also : from->addr;
    }
}

static struct pair_carrier *carrier_of(struct pair_node *node, vx6_id link, int *end)
{
    uint32_t index = (uint32_t)(node - node->net->nodes);
    for (struct pair_carrier *c = node->net->carriers; c; c = c->next) {
        for (*end = 0; *end < 2; (*end)++) {
            if (c->node[*end] == index && c->link[*end].bits == link.bits && c->open[*end])
                return c;
        }
    }
    return NULL;
}

/* Events of one channel and direction arrive in the order in which they were sent. */
static void channel_event(struct pair_net *net, struct pair_carrier *carrier, int to,
    enum event_kind kind, uint8_t channel, vx6_span data)
{
    vx6_ns at = net->now + net->delay;
    vx6_ns *last_arrival = carrier->last_arrival[to];
    if (net->channels && kind == EVENT_CHUNK)
        at += draw(net, 3) * net->delay;
    if (kind == EVENT_DOWN) { /* what was given before is sent */
        for (int i = 0; i < VX6_CHANNEL_COUNT; i++) {
            if (last_arrival[channel] < last_arrival[i])
                last_arrival[channel] = last_arrival[i];
        }
    }
    if (at < last_arrival[channel])
        at = last_arrival[channel];
    last_arrival[channel] = at;
    struct pair_event *event = event_add(net, kind, at, data.data, data.len);
    event->carrier = carrier;
    event->end = to;
    event->to = carrier->node[to];
    event->channel = channel;
}

static void carrier_event(
    struct pair_net *net, struct pair_carrier *carrier, int to, enum event_kind kind)
{
    channel_event(net, carrier, to, kind, 0, (vx6_span){0});
}

static void send_chunks(
    struct pair_node *node, vx6_id link, uint8_t channel, uint8_t *data, size_t len)
{
    struct pair_net *net = node->net;
    int end;
    struct pair_carrier *carrier = carrier_of(node, link, &end);
    if (carrier == NULL)
        return;
    if (net->on_chunk)
        net->on_chunk(net, carrier->node[end], data, &len);
    size_t most = net->faults.chunk_max ? net->faults.chunk_max : len;
    for (size_t done = 0; done < len; done += most) {
        size_t part = len - done < most ? len - done : most;
        channel_event(net, carrier, 1 - end, EVENT_CHUNK, channel, (vx6_span){data + done, part});
    }
}

static void dial(struct pair_node *node, const struct vx6_out *out)
{
    struct pair_net *net = node->net;
    struct pair_carrier *carrier = calloc(1, sizeof *carrier);
    assert_non_null(carrier);
    carrier->next = net->carriers;
    net->carriers = carrier;
    carrier->node[0] = (uint32_t)(node - net->nodes);
    carrier->link[0] = out->id;
    carrier->open[0] = true;
    for (size_t i = 0; i < sizeof carrier->binding; i++)
        carrier->binding[i] = (uint8_t)(net->event_order >> i % 8);
    struct pair_node *target = node_at(net, &out->peer);
    if (target == NULL || target->dead || target->addr.port != out->peer.port) {
        carrier->node[1] = UINT32_MAX;
        if (!net->faults.silence)
            carrier_event(net, carrier, 0, EVENT_DOWN);
        return;
    }
    carrier->node[1] = (uint32_t)(target - net->nodes);
    carrier->open[1] = true;
    carrier_event(net, carrier, 1, EVENT_CONNECT);
}

static void hang_up(struct pair_node *node, vx6_id link)
{
    int end;
    struct pair_carrier *carrier = carrier_of(node, link, &end);
    if (carrier == NULL)
        return;
    carrier->open[end] = false;
    if (carrier->open[1 - end])
        carrier_event(node->net, carrier, 1 - end, EVENT_DOWN);
}

static void write_all(struct pair_node *node, vx6_id carrier)
{
    static uint8_t buffer[2 * VX6_FILL_MIN];
    struct vx6_batch batch = {.dst = buffer, .cap = sizeof buffer};
    while (vx6_node_fill(node->node, carrier, &batch)) {
        if (carrier.bits != VX6_DATAGRAMS.bits) {
            send_chunks(node, carrier, batch.channel, buffer, batch.len);
            continue;
        }
        for (size_t done = 0; done < batch.len; done += batch.segment_len) {
            size_t left = batch.len - done;
            size_t len = left < batch.segment_len ? left : batch.segment_len;
            send_datagram(node, &batch.peer, buffer + done, len);
        }
    }
}

static void log_output(struct pair_node *node, const struct vx6_out *out)
{
    if (node->net->on_output)
        node->net->on_output(node, out);
    assert_true(node->out_count < PAIR_OUTS_MAX);
    struct pair_out *entry = &node->outs[node->out_count++];
    entry->out = *out;
    assert_true(out->value.len <= sizeof entry->value);
    if (out->value.len > 0)
        memcpy(entry->value, out->value.data, out->value.len);
    entry->out.value.data = entry->value;
}

void pair_drain(struct pair_node *node)
{
    struct vx6_out out;
    while (node->node && vx6_node_output(node->node, &out)) {
        if (out.kind == VX6_OUT_LINK_DIAL)
            dial(node, &out);
        else if (out.kind == VX6_OUT_LINK_CLOSE)
            hang_up(node, out.id);
        else if (out.kind == VX6_OUT_WANT_WRITE)
            write_all(node, out.id);
        else if (out.kind != VX6_OUT_LINK_PAUSE && out.kind != VX6_OUT_LINK_RESUME)
            log_output(node, &out);
    }
}

enum vx6_code pair_input(struct pair_node *node, struct vx6_in *in)
{
    if (node->dead)
        return VX6_OK;
    enum vx6_code code = vx6_node_input(node->node, node->net->now + node->clock_offset, in);
    pair_drain(node);
    return code;
}

enum vx6_code pair_command(
    struct pair_node *node, enum vx6_in_kind kind, const char *text, vx6_id *id)
{
    struct vx6_in in = {.kind = kind};
    if (text) {
        in.data = (const uint8_t *)text;
        in.len = strlen(text);
    } else if (id) {
        in.id = *id;
    }
    enum vx6_code code = pair_input(node, &in);
    if (id)
        *id = in.id;
    return code;
}

enum vx6_code pair_peer_add(struct pair_node *node, const struct pair_node *peer)
{
    struct vx6_in in = {.kind = VX6_IN_PEER_ADD, .peer = peer->addr};
    return pair_input(node, &in);
}

struct pair_node *pair_add(struct pair_net *net, const char *label)
{
    return pair_add_as(net, label, NULL, (vx6_span){0});
}

struct pair_node *pair_add_as(
    struct pair_net *net, const char *label, const uint8_t *seed, vx6_span lineage)
{
    assert_true(net->node_count < PAIR_NODES_MAX);
    uint32_t index = net->node_count++;
    struct pair_node *node = &net->nodes[index];
    *node = (struct pair_node){.net = net};
    node->outs = calloc(PAIR_OUTS_MAX, sizeof *node->outs);
    assert_non_null(node->outs);
    node->addr = (vx6_addr){{0x20, 0x01, 0x0d, 0xb8, 0, (uint8_t)(index + 1)}, 4242};
    node->addr.ip[15] = 1;
    vx6_config config = {.node_tag = index,
        .sequence_first = 1,
        .unix_ms = (int64_t)(unix_ms_at_start + net->now / VX6_MILLISECOND) + net->clock_wrong_ms,
        .lineage = lineage,
        .suite = index % 2 ? VX6_SUITE_AESGCM : VX6_SUITE_CHACHAPOLY};
    for (size_t i = 0; i < 32; i++) {
        config.identity_seed[i] = (uint8_t)draw(net, 256);
        config.rng_seed[i] = (uint8_t)draw(net, 256);
    }
    if (seed)
        memcpy(config.identity_seed, seed, sizeof config.identity_seed);
    assert_true(strlen(label) < sizeof config.label);
    memcpy(config.label, label, strlen(label));
    node->node = vx6_node_new(net->env, &config, net->now);
    if (node->node) {
        struct vx6_in in = {.kind = VX6_IN_ENDPOINT_ADD, .peer = node->addr};
        assert_int_equal(pair_input(node, &in), VX6_OK);
    }
    return node;
}

void pair_remove(struct pair_node *node)
{
    uint32_t index = (uint32_t)(node - node->net->nodes);
    node->dead = true;
    for (struct pair_carrier *c = node->net->carriers; c; c = c->next) {
        for (int end = 0; end < 2; end++) {
            if (c->node[end] != index || !c->open[end])
                continue;
            c->open[end] = false;
            if (c->open[1 - end])
                carrier_event(node->net, c, 1 - end, EVENT_DOWN);
        }
    }
    vx6_node_free(node->node);
    node->node = NULL;
}

static void own_endpoint(struct pair_node *node, enum vx6_in_kind kind)
{
    struct vx6_in in = {.kind = kind, .peer = node->addr};
    assert_int_equal(pair_input(node, &in), VX6_OK);
}

void pair_move(struct pair_node *node, uint8_t network)
{
    uint32_t index = (uint32_t)(node - node->net->nodes);
    for (struct pair_carrier *c = node->net->carriers; c; c = c->next)
        c->broken |= c->node[0] == index || c->node[1] == index;
    own_endpoint(node, VX6_IN_ENDPOINT_REMOVE);
    node->addr.ip[5] = network;
    own_endpoint(node, VX6_IN_ENDPOINT_ADD);
}

void pair_cut_carriers(struct pair_net *net)
{
    for (struct pair_carrier *c = net->carriers; c; c = c->next) {
        for (int end = 0; end < 2; end++) {
            if (c->open[end])
                carrier_event(net, c, end, EVENT_DOWN);
        }
    }
}

/* VX6-LINK-020: a carrier with channels knows who is at its other end. */
static void prove(
    struct pair_net *net, const struct pair_carrier *carrier, int peer, struct vx6_in *in)
{
    uint8_t id[32];
    if (!net->channels)
        return;
    vx6_node_identity(net->nodes[carrier->node[peer]].node, in->key, id);
    in->data = carrier->binding;
    in->len = sizeof carrier->binding;
}

static void deliver_to_carrier(struct pair_net *net, struct pair_event *event)
{
    struct pair_carrier *carrier = event->carrier;
    struct pair_node *node = &net->nodes[event->to];
    if (!carrier->open[event->end] || carrier->broken || node->dead)
        return;
    struct vx6_in in = {.kind = VX6_IN_LINK_BYTES, .id = carrier->link[event->end]};
    if (event->kind == EVENT_CONNECT) {
        in = (struct vx6_in){
            .kind = VX6_IN_LINK_ACCEPTED, .peer = net->nodes[carrier->node[0]].addr};
        prove(net, carrier, 0, &in);
        enum vx6_code code = vx6_node_input(node->node, net->now + node->clock_offset, &in);
        carrier->open[1] = code == VX6_OK;
        carrier->link[1] = in.id;
        carrier_event(net, carrier, 0, code == VX6_OK ? EVENT_CONNECTED : EVENT_DOWN);
        pair_drain(node);
        return;
    }
    in.channel = event->channel;
    in.data = event->data;
    in.len = event->len;
    if (event->kind == EVENT_CONNECTED) {
        in.kind = VX6_IN_LINK_UP;
        prove(net, carrier, 1, &in);
    }
    if (event->kind == EVENT_DOWN) {
        in.kind = VX6_IN_LINK_DOWN;
        in.code = carrier->node[1] == UINT32_MAX ? VX6_UNREACHABLE : VX6_TRUNCATED;
        carrier->open[event->end] = false;
    }
    (void)pair_input(node, &in); /* STALE where the node has closed meanwhile */
}

static void deliver(struct pair_net *net, struct pair_event *event)
{
    if (event->kind != EVENT_DATAGRAM) {
        deliver_to_carrier(net, event);
        return;
    }
    struct pair_node *to = &net->nodes[event->to];
    for (uint32_t i = 0; to->node && vx6_node_expect(to->node, i, event->data, event->len); i++)
        assert_true(i < VX6_EXPECT_STEPS);
    struct vx6_in in = {
        .kind = VX6_IN_DATAGRAM, .peer = event->from, .data = event->data, .len = event->len};
    assert_int_equal(pair_input(to, &in), VX6_OK);
}

/* One step: the next event or the next deadline, whichever is first; false when `end` is first. */
static bool step(struct pair_net *net, vx6_ns end)
{
    struct pair_node *due = NULL;
    vx6_ns at = net->events ? net->events->at : VX6_NEVER;
    for (uint32_t i = 0; i < net->node_count; i++) {
        struct pair_node *node = &net->nodes[i];
        if (node->dead || node->node == NULL)
            continue;
        vx6_ns deadline = vx6_node_deadline(node->node);
        if (deadline == VX6_NEVER)
            continue;
        deadline = deadline > node->clock_offset ? deadline - node->clock_offset : 0;
        if (deadline < at) {
            at = deadline;
            due = node;
        }
    }
    if (at > end) {
        net->now = end;
        return false;
    }
    if (at > net->now)
        net->now = at;
    if (due) {
        struct vx6_in in = {.kind = VX6_IN_TICK};
        assert_int_equal(pair_input(due, &in), VX6_OK);
        return true;
    }
    struct pair_event *event = net->events;
    net->events = event->next;
    deliver(net, event);
    free(event);
    return true;
}

void pair_run(struct pair_net *net, vx6_ns duration)
{
    vx6_ns end = net->now + duration;
    while (step(net, end))
        ;
}

bool pair_until(struct pair_net *net, bool (*done)(struct pair_net *net, void *context),
    void *context, vx6_ns limit)
{
    vx6_ns end = net->now + limit;
    while (!done(net, context)) {
        if (!step(net, end))
            return false;
    }
    return true;
}

const struct vx6_out *pair_find(const struct pair_node *node, enum vx6_out_kind kind, uint32_t from)
{
    for (uint32_t i = from; i < node->out_count; i++) {
        if (node->outs[i].out.kind == kind)
            return &node->outs[i].out;
    }
    return NULL;
}

void pair_net_free(struct pair_net *net)
{
    for (uint32_t i = 0; i < net->node_count; i++) {
        vx6_node_free(net->nodes[i].node);
        free(net->nodes[i].outs);
    }
    vx6_env_free(net->env);
    assert_int_equal(net->memory, 0);
    while (net->events) {
        struct pair_event *event = net->events;
        net->events = event->next;
        free(event);
    }
    while (net->carriers) {
        struct pair_carrier *carrier = net->carriers;
        net->carriers = carrier->next;
        free(carrier);
    }
    free(net);
}
