/* SPDX-License-Identifier: MIT */
/* The input is a list of all that can happen to a node: commands, links and what is said on them,
 * datagrams, time, clock jumps, allocations that fail. Whatever happens, limits are kept, and in
 * the end the node closes and gives all memory back. */
#include "script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static script_step *const steps[] = {script_frames, script_carrier, script_stream,
        script_command, script_datagram, script_time, script_starvation};
    struct stage *stage = stage_new(&vx6_crypto_model, data, len);
    stage_start(stage);
    script_run(stage, steps, sizeof steps / sizeof steps[0]);
    stage_end(stage);
    return 0;
}
