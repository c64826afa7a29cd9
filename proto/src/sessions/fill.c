/* SPDX-License-Identifier: MIT */
/* What sessions have to say on a link, written when the carrier has room.
 *
 * Frames are not queued: they follow from bits on paths and streams, control first. Bytes of
 * streams take turns (deficit round robin), so that no stream waits for another's backlog.
 * Spec: spec/sessions.md, "Sending". */
#include "session_internal.h"

enum {
    LENGTH_SIZE = 2, /* of a frame, before it */
    TURN_BYTES = 16384,
    DATA_WORTH = 1024 /* a shorter rest of a record is left empty */
};

/* Where the frames go. */
struct sheet {
    uint8_t *dst;
    size_t len, cap;
};

static bool put_frame(struct sheet *sheet, const struct vx6_msg *msg)
{
    if (sheet->cap - sheet->len <= LENGTH_SIZE)
        return false;
    uint8_t *dst = sheet->dst + sheet->len;
    size_t len = vx6_msg_encode(msg, dst + LENGTH_SIZE, sheet->cap - sheet->len - LENGTH_SIZE);
    if (len == 0)
        return false;
    store_u16(dst, (uint16_t)len);
    sheet->len += LENGTH_SIZE + len;
    return true;
}

static unsigned lowest_bit(unsigned bits)
{
    return bits & (~bits + 1);
}

static void path_frame(
    const struct vx6_node *node, const struct path *path, unsigned bit, struct vx6_msg *msg)
{
    const struct session *session = path->session;
    if (bit == PATH_CLOSE) {
        msg->type = VX6_MSG_session_close;
        msg->u.session_close =
            (struct vx6_session_close){.path = path->id, .code = (uint16_t)path->code};
    } else if (bit == PATH_OPEN) {
        msg->type = VX6_MSG_session_open;
        msg->u.session_open = (struct vx6_session_open){.path = path->id,
            .privacy = session->privacy,
            .service = name_view(&session->name).service,
            .lineage = node_lineage(node)};
        memcpy(msg->u.session_open.client_random, session->random, sizeof session->random);
    } else {
        msg->type = VX6_MSG_session_opened;
        msg->u.session_opened = (struct vx6_session_opened){.path = path->id};
        memcpy(msg->u.session_opened.session, session->session_id, sizeof session->session_id);
        memcpy(msg->u.session_opened.owner_random, session->random, sizeof session->random);
    }
}

static bool fill_last_acks(struct path *path, struct sheet *sheet)
{
    while (path->last_acks_sent < path->last_ack_count) {
        struct vx6_msg msg = {
            .type = VX6_MSG_stream_ack, .u.stream_ack = path->last_acks[path->last_acks_sent]};
        if (!put_frame(sheet, &msg))
            return false;
        path->last_acks_sent++;
    }
    return true;
}

static bool fill_paths(struct vx6_node *node, struct link_sessions *on_link, struct sheet *sheet)
{
    struct turn *turn;
    while ((turn = on_link->control_paths.first) != NULL) {
        struct path *path = CONTAINER_OF(turn, struct path, control_turn);
        unsigned bit = lowest_bit(path->control);
        struct vx6_msg msg;
        path_frame(node, path, bit, &msg);
        if (!fill_last_acks(path, sheet) || !put_frame(sheet, &msg))
            return false;
        path->control = (uint8_t)(path->control & ~bit);
        if (bit == PATH_OPENED)
            wipe(path->session->random, sizeof path->session->random);
        if (path->control == 0)
            turns_remove(&on_link->control_paths, &path->control_turn);
        if (bit == PATH_CLOSE)
            path_free(node, path);
    }
    return true;
}

struct vx6_stream_ack stream_ack(const struct stream *stream)
{
    uint64_t received = stream->receive.end + (stream->receive_ended ? 1 : 0);
    return (struct vx6_stream_ack){
        stream->session->path->id, stream->number, received, stream->window_end};
}

static void stream_frame(struct stream *stream, unsigned bit, struct vx6_msg *msg)
{
    uint32_t path = stream->session->path->id, number = stream->number;
    if (bit == STREAM_SEND_OPEN) {
        msg->type = VX6_MSG_stream_open;
        msg->u.stream_open = (struct vx6_stream_open){path, number, stream->window_end};
    } else if (bit == STREAM_SEND_ACCEPT) {
        msg->type = VX6_MSG_stream_accept;
        msg->u.stream_accept = (struct vx6_stream_accept){path, number, stream->window_end};
    } else if (bit == STREAM_SEND_ACK) {
        msg->type = VX6_MSG_stream_ack;
        msg->u.stream_ack = stream_ack(stream);
    } else {
        msg->type = VX6_MSG_stream_reset;
        msg->u.stream_reset = (struct vx6_stream_reset){path, number, (uint16_t)stream->code};
    }
}

static bool fill_streams(struct vx6_node *node, struct link_sessions *on_link, struct sheet *sheet)
{
    struct turn *turn;
    while ((turn = on_link->control_streams.first) != NULL) {
        struct stream *stream = CONTAINER_OF(turn, struct stream, control_turn);
        unsigned bit = lowest_bit(stream->control);
        struct vx6_msg msg;
        if (bit == STREAM_SEND_ACK)
            flow_open_window(node, stream);
        stream_frame(stream, bit, &msg);
        if (!put_frame(sheet, &msg))
            return false;
        stream->control = (uint8_t)(stream->control & ~bit);
        if (bit == STREAM_SEND_OPEN)
            stream_asked(node, stream);
        if (bit == STREAM_SEND_ACK)
            stream->received_told = msg.u.stream_ack.received;
        if (stream->control == 0) {
            turns_remove(&on_link->control_streams, &stream->control_turn);
            stream_release(node, stream);
        }
    }
    return true;
}

static bool fill_listings(struct vx6_node *node, struct link *link, struct sheet *sheet)
{
    struct vx6_msg msg;
    uint8_t offers[OFFERS_SIZE_MAX];
    while (listing_next(node, link, &msg, offers)) {
        if (!put_frame(sheet, &msg))
            return false;
        listing_sent(link, msg.type);
    }
    return true;
}

/* All but data, as much as there is room for; false: more is left. VX6-SESS-018 */
static bool fill_control(struct vx6_node *node, struct link *link, struct sheet *sheet)
{
    struct link_sessions *on_link = link_sessions(link);
    return fill_paths(node, on_link, sheet) && fill_streams(node, on_link, sheet) &&
           fill_listings(node, link, sheet);
}

/* The one frame that is not written by the codec: it is most of all bytes. Equal to its encoding.
 */
static void put_data(struct sheet *sheet, struct stream *stream, size_t len)
{
    uint8_t *dst = sheet->dst + sheet->len;
    bool fin = stream->send_ended && stream->send_next + len == stream->send.end;
    store_u16(dst, (uint16_t)(STREAM_DATA_HEADER + len));
    dst[2] = VX6_MSG_stream_data;
    store_u32(dst + 3, stream->session->path->id);
    store_u32(dst + 7, stream->number);
    store_u64(dst + 11, stream->send_next);
    dst[19] = fin;
    chunk_copy(&stream->send, dst + LENGTH_SIZE + STREAM_DATA_HEADER, len);
    sheet->len += LENGTH_SIZE + STREAM_DATA_HEADER + len;
    stream->send_next += len;
    stream->fin_sent = fin;
}

/* One frame of data; false: no room that is worth it. */
static bool fill_stream(
    struct vx6_node *node, struct turns *turns, struct sheet *sheet, struct stream *stream)
{
    size_t overhead = LENGTH_SIZE + STREAM_DATA_HEADER, room = sheet->cap - sheet->len;
    uint64_t sendable = flow_sendable_bytes(stream);
    uint64_t worth = sheet->len == 0 ? 1 : DATA_WORTH;
    if (room < overhead + (sendable < worth ? sendable : worth))
        return false;
    VX6_ASSERT(flow_is_sendable(stream));
    size_t len = room - overhead < STREAM_DATA_MAX ? room - overhead : STREAM_DATA_MAX;
    bool is_alone = turns->first == turns->last;
    if (stream->deficit == 0)
        stream->deficit = TURN_BYTES;
    if (!is_alone && len > stream->deficit)
        len = stream->deficit;
    if (len > sendable)
        len = (size_t)sendable;
    put_data(sheet, stream, len);

    stream->deficit -= len < stream->deficit ? (uint32_t)len : stream->deficit;
    if (!flow_is_sendable(stream))
        stream->deficit = 0;
    if (stream->deficit == 0)
        turns_remove(turns, &stream->data_turn);
    if (flow_is_sendable(stream))
        turns_add(turns, &stream->data_turn);
    if (stream->fin_sent)
        stream_linger(node, stream);
    return true;
}

static struct stream *next_stream(const struct link_sessions *on_link)
{
    struct turn *turn = on_link->data_streams.first;
    return turn ? CONTAINER_OF(turn, struct stream, data_turn) : NULL;
}

/* VX6-SESS-018 */
size_t session_fill(struct vx6_node *node, struct link *link, uint8_t *dst, size_t cap)
{
    struct link_sessions *on_link = link_sessions(link);
    struct sheet sheet = {.dst = dst, .cap = cap};
    if (!fill_control(node, link, &sheet))
        return sheet.len;
    struct stream *stream;
    while ((stream = next_stream(on_link)) != NULL &&
           fill_stream(node, &on_link->data_streams, &sheet, stream))
        ;
    return sheet.len;
}

/* VX6-LINK-022 */
static uint8_t channel_of(const struct stream *stream)
{
    uint64_t number = (uint64_t)(stream->session->path->id / 2) + stream->number - 1;
    return (uint8_t)(1 + number % (VX6_CHANNEL_COUNT - 1));
}

/* VX6-SESS-018: control first, then the turn of one stream. */
size_t session_fill_channel(
    struct vx6_node *node, struct link *link, uint8_t *dst, size_t cap, uint8_t *channel)
{
    struct link_sessions *on_link = link_sessions(link);
    struct sheet sheet = {.dst = dst, .cap = cap};
    *channel = 0;
    if (!fill_control(node, link, &sheet) || sheet.len > 0)
        return sheet.len;
    struct stream *stream = next_stream(on_link);
    if (stream == NULL)
        return 0;
    *channel = channel_of(stream);
    while (
        next_stream(on_link) == stream && fill_stream(node, &on_link->data_streams, &sheet, stream))
        ;
    return sheet.len;
}
