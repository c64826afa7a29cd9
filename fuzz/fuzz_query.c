/* SPDX-License-Identifier: MIT */
/* Sealed queries in both directions: peers ask what the input says, and answer what it says to the
 * node's lookups; raw datagrams come in between. Each ask has one answer at most. */
#include "script.h"

static void look_up(struct stage *stage)
{
    struct vx6_in in = {.kind = VX6_IN_LOOKUP};
    in.key[0] = tape_u8(&stage->tape);
    if (stage_input(stage, &in) == VX6_OK)
        stage_id_add(stage, in.id, SLOT_OP);
}

static void resolve(struct stage *stage)
{
    struct vx6_in in = {.kind = VX6_IN_RESOLVE, .data = (const uint8_t *)"alice", .len = 5};
    if (stage_input(stage, &in) == VX6_OK)
        stage_id_add(stage, in.id, SLOT_OP);
}

static void begin(struct stage *stage)
{
    for (uint32_t i = 0; i < STAGE_PEERS; i++) {
        struct vx6_in in = {.kind = VX6_IN_CONTACT, .peer = stage->peers[i].addr};
        memcpy(in.key, stage->peers[i].keys.identity, sizeof in.key);
        VX6_ASSERT(stage_input(stage, &in) == VX6_OK);
    }
    stage_drain(stage);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static script_step *const steps[] = {
        script_datagram, script_datagram, look_up, resolve, script_time};
    struct stage *stage = stage_new(&vx6_crypto_model, data, len);
    stage_start(stage);
    begin(stage);
    script_run(stage, steps, sizeof steps / sizeof steps[0]);
    for (uint32_t i = 0; i < STAGE_PEERS; i++)
        VX6_ASSERT(stage->peers[i].answered <= stage->peers[i].asks);
    stage_end(stage);
    return 0;
}
