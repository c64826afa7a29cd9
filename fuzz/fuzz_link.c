/* SPDX-License-Identifier: MIT */
/* One link that is up, over which a service is offered and one of the peer's is used. The input is
 * what the peer says on it, and what the driver does with its streams: nearer to the frames than
 * fuzz_node.c is. */
#include "script.h"

enum {
    NODE_DIALS = 1,
    CHANNELS = 2
};

static void begin(struct stage *stage, uint8_t flags)
{
    struct stage_peer *peer = &stage->peers[0];
    struct vx6_in in = {
        .kind = VX6_IN_SERVICE_ADD, .data = (const uint8_t *)"web", .len = 3, .peer = peer->addr};
    VX6_ASSERT(stage_input(stage, &in) == VX6_OK);
    if (!(flags & NODE_DIALS))
        lane_start(stage, lane_accept(stage, peer, flags & CHANNELS));
    stage_drain(stage);
    in.kind = VX6_IN_SESSION_OPEN;
    memcpy(in.key, peer->keys.identity, sizeof in.key);
    VX6_ASSERT(stage_input(stage, &in) == VX6_OK);
    stage_id_add(stage, in.id, SLOT_SESSION);
    stage_drain(stage);
    if (flags & NODE_DIALS)
        lane_up(stage, &stage->lanes[0], flags & CHANNELS);
    stage_drain(stage);
    VX6_ASSERT(stage->node->links.first->state == LINK_UP);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static script_step *const steps[] = {
        script_frames, script_frames, script_stream, script_time, script_starvation};
    struct stage *stage = stage_new(&vx6_crypto_model, data, len);
    stage_start(stage);
    begin(stage, tape_u8(&stage->tape));
    script_run(stage, steps, sizeof steps / sizeof steps[0]);
    stage_end(stage);
    return 0;
}
