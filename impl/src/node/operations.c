/* SPDX-License-Identifier: MIT */
/* Who waits for which operation. */
#include "operations.h"

#include <stdlib.h>

#include "driver.h"
#include "idtable.h"

struct operation {
    operation_heard *heard;
    void *context;
};

struct operations {
    struct host *host;
    struct idtable map;
};

struct operations *operations_new(struct host *host)
{
    struct operations *operations = calloc(1, sizeof *operations);
    if (operations)
        operations->host = host;
    return operations;
}

void operations_free(struct operations *operations)
{
    if (operations == NULL)
        return;
    for (size_t i = 0; i < operations->map.capacity; i++)
        free(operations->map.entries[i].value);
    idtable_clear(&operations->map);
    free(operations);
}

enum vx6_code operations_start(
    struct operations *operations, struct vx6_in *in, operation_heard *heard, void *context)
{
    struct operation *operation = calloc(1, sizeof *operation);
    if (operation == NULL)
        return VX6_NOMEM;
    *operation = (struct operation){heard, context};
    enum vx6_code code = driver_input(operations->host->driver, in);
    if (code == VX6_OK && idtable_set(&operations->map, in->id, operation))
        return VX6_OK;
    free(operation);
    if (code != VX6_OK)
        return code;
    struct vx6_in cancel = {.kind = VX6_IN_CANCEL, .id = in->id};
    (void)driver_input(operations->host->driver, &cancel);
    return VX6_NOMEM;
}

void operations_cancel(struct operations *operations, vx6_id id)
{
    struct operation *operation = idtable_get(&operations->map, id);
    if (operation == NULL)
        return;
    idtable_remove(&operations->map, id);
    free(operation);
    struct vx6_in in = {.kind = VX6_IN_CANCEL, .id = id};
    (void)driver_input(operations->host->driver, &in);
}

void operations_output(struct operations *operations, const struct vx6_out *out)
{
    struct operation *operation = idtable_get(&operations->map, out->id);
    if (operation == NULL)
        return;
    struct operation copy = *operation;
    if (out->kind == VX6_OUT_OP_DONE) {
        idtable_remove(&operations->map, out->id);
        free(operation);
    }
    copy.heard(copy.context, out);
}
