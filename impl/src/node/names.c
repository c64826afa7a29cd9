/* SPDX-License-Identifier: MIT */
/* A binding of first use is in force before it is on the disk, since the session that made it is
 * under way; until it is written it is tried again. What the user asks for is written first, or
 * refused. */
#include "names.h"

#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "forward.h"
#include "keys.h"

enum {
    NAMES_FIRST = 16
};

struct name {
    struct store_binding binding;
    bool is_unsaved;
};

struct names {
    struct host *host;
    struct name *items; /* sorted by label */
    size_t count, capacity;
    size_t unsaved;
};

struct names *names_new(struct host *host)
{
    struct names *names = calloc(1, sizeof *names);
    if (names)
        names->host = host;
    return names;
}

void names_free(struct names *names)
{
    if (names == NULL)
        return;
    free(names->items);
    free(names);
}

const struct store_binding *names_item(const struct names *names, size_t index)
{
    return index < names->count ? &names->items[index].binding : NULL;
}

/* Index of the first name that is not before `label`. */
static size_t position(const struct names *names, const char *label)
{
    size_t low = 0, high = names->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(names->items[middle].binding.label, label) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct name *find(const struct names *names, const char *label)
{
    size_t at = position(names, label);
    if (at == names->count || strcmp(names->items[at].binding.label, label) != 0)
        return NULL;
    return &names->items[at];
}

const struct store_binding *names_by_label(const struct names *names, const char *label)
{
    const struct name *name = find(names, label);
    return name ? &name->binding : NULL;
}

const struct store_binding *names_by_key(const struct names *names, const uint8_t key[32])
{
    for (size_t i = 0; i < names->count; i++) {
        if (memcmp(names->items[i].binding.key, key, 32) == 0)
            return &names->items[i].binding;
    }
    return NULL;
}

static bool has_before(const struct store_before *before, const uint8_t key[32])
{
    for (size_t i = 0; i < before->count; i++) {
        if (memcmp(before->keys[i], key, 32) == 0)
            return true;
    }
    return false;
}

const struct store_binding *names_led_by(const struct names *names, const uint8_t key[32])
{
    const struct store_binding *binding = names_by_key(names, key);
    for (size_t i = 0; binding == NULL && i < names->count; i++) {
        if (has_before(&names->items[i].binding.before, key))
            binding = &names->items[i].binding;
    }
    return binding;
}

static bool make_room(struct names *names)
{
    if (names->count < names->capacity)
        return true;
    size_t capacity = names->capacity == 0 ? NAMES_FIRST : names->capacity * 2;
    struct name *items = realloc(names->items, capacity * sizeof *items);
    if (items == NULL)
        return false;
    names->items = items;
    names->capacity = capacity;
    return true;
}

/* There is room, and no such name. */
static struct name *insert(struct names *names, const struct store_binding *binding)
{
    size_t at = position(names, binding->label);
    struct name *name = &names->items[at];
    memmove(name + 1, name, (names->count - at) * sizeof *name);
    *name = (struct name){.binding = *binding};
    names->count++;
    return name;
}

static void discard(struct names *names, struct name *name)
{
    names->unsaved -= name->is_unsaved;
    names->count--;
    memmove(name, name + 1, (names->count - (size_t)(name - names->items)) * sizeof *name);
}

static enum vx6_code tell_node(struct names *names, enum vx6_in_kind kind, const char *label)
{
    struct vx6_in in = {.kind = kind, .data = (const uint8_t *)label, .len = strlen(label)};
    return driver_input(names->host->driver, &in);
}

static enum vx6_code bind(
    struct names *names, const char *label, const struct store_binding *binding)
{
    struct vx6_in in = {
        .kind = VX6_IN_NAME_BIND, .data = (const uint8_t *)label, .len = strlen(label)};
    memcpy(in.key, binding->key, sizeof in.key);
    in.keys_before = (vx6_span){binding->before.keys[0], binding->before.count * sizeof in.key};
    return driver_input(names->host->driver, &in);
}

bool names_restore(struct names *names, char error[TEXT_ERROR_SIZE])
{
    struct store *store = names->host->store;
    size_t max = vx6_limits_default.binding_max;
    struct store_binding *bindings = calloc(max, sizeof *bindings);
    if (bindings == NULL)
        return text_fail(error, "out of memory");
    int count = store_bindings(store, bindings, max);
    for (int i = 0; i < count; i++) {
        const struct store_binding *binding = &bindings[i];
        char shown[TEXT_ADDR_SIZE];
        text_printable(shown, sizeof shown, binding->label, strlen(binding->label));
        enum vx6_code code = VX6_NOMEM;
        if (make_room(names))
            code = bind(names, binding->label, binding);
        if (code == VX6_OK) {
            (void)insert(names, binding);
        } else if (code == VX6_INVALID) { /* a label that nobody can ask for */
            REPORT(names->host->journal, name_left_out, .name = binding->label);
        } else { /* the next use would bind it to whoever answers */
            free(bindings);
            return text_fail(error, "the binding of the name %s: %s", shown, vx6_code_text(code));
        }
    }
    free(bindings);
    return count >= 0 || text_fail(error, "%s", store_error(store));
}

/* ---- first use ---- */

void names_save(struct names *names)
{
    for (size_t i = 0; i < names->count && names->unsaved > 0; i++) {
        struct name *name = &names->items[i];
        if (!name->is_unsaved)
            continue;
        if (!store_binding_set(names->host->store, &name->binding)) {
            REPORT(names->host->journal, name_unkept, .name = name->binding.label,
                .why = store_error(names->host->store));
            return;
        }
        name->is_unsaved = false;
        names->unsaved--;
    }
}

void names_bound(struct names *names, const struct vx6_out *out)
{
    struct store_binding binding = {.since_unix_ms = unix_ms_now()};
    if (out->value.len >= sizeof binding.label)
        return;
    memcpy(binding.label, out->value.data, out->value.len);
    memcpy(binding.key, out->key, sizeof binding.key);
    REPORT(names->host->journal, name_bound, .name = binding.label, .key = binding.key);
    if (!make_room(names)) {
        REPORT(names->host->journal, name_unkept, .name = binding.label, .why = "out of memory");
        return;
    }
    insert(names, &binding)->is_unsaved = true;
    names->unsaved++;
    names_save(names);
}

/* VX6-NAME-016 */
void names_follow(struct names *names, const uint8_t from[32], const uint8_t to[32])
{
    for (size_t i = 0; i < names->count; i++) {
        struct store_binding *binding = &names->items[i].binding;
        if (memcmp(binding->key, from, sizeof binding->key) != 0)
            continue;
        VX6_ASSERT(binding->before.count < STORE_BEFORE_MAX); /* VX6-NAME-026 */
        memcpy(binding->before.keys[binding->before.count++], from, 32);
        memcpy(binding->key, to, sizeof binding->key);
        binding->followed_unix_ms = unix_ms_now();
    }
    forwards_follow(names->host->forwards, from, to);
}

/* ---- what the user asks for: VX6-CTRL-020 ---- */

static bool refuse(
    enum vx6_code *code, enum vx6_code why, char error[TEXT_ERROR_SIZE], const char *line)
{
    *code = why;
    return text_fail(error, "%s", line);
}

static bool refuse_by_store(struct names *names, enum vx6_code *code, char error[TEXT_ERROR_SIZE])
{
    return refuse(code, VX6_LIMIT, error, store_error(names->host->store));
}

/* A forward that reopened its session by the name would go to somebody else. */
static bool is_free_to_change(
    struct names *names, const char *label, enum vx6_code *code, char error[TEXT_ERROR_SIZE])
{
    uint32_t number = forwards_by_label(names->host->forwards, label);
    if (number == 0)
        return true;
    *code = VX6_UNEXPECTED;
    return text_fail(error, "%s is in use by forward %u: end it first with vx6 disconnect %u",
        label, number, number);
}

static bool is_own(const struct names *names, const char *label)
{
    return strcmp(label, names->host->label) == 0;
}

static bool find_or_refuse(struct names *names, const char *label, struct name **name,
    enum vx6_code *code, char error[TEXT_ERROR_SIZE])
{
    *name = find(names, label);
    if (*name)
        return true;
    *code = VX6_NOT_FOUND;
    return text_fail(
        error, "the name %s is bound to no key here: vx6 names lists those that are", label);
}

/* Puts the binding into force and on the disk, or neither; `old`: what was in force, or NULL. */
static bool put(struct names *names, const struct store_binding *binding,
    const struct store_binding *old, enum vx6_code *code, char error[TEXT_ERROR_SIZE])
{
    *code = bind(names, binding->label, binding);
    if (*code != VX6_OK)
        return text_fail(error, "%s: %s", binding->label, vx6_code_text(*code));
    if (store_binding_set(names->host->store, binding))
        return true;
    if (old)
        (void)bind(names, old->label, old); /* needs no more memory than it had */
    else
        (void)tell_node(names, VX6_IN_NAME_UNBIND, binding->label);
    return refuse_by_store(names, code, error);
}

static bool refuse_rebinding(
    const struct name *old, enum vx6_code *code, char error[TEXT_ERROR_SIZE])
{
    char key[TEXT_KEY_SIZE];
    text_key(key, old->binding.key);
    *code = VX6_KEY_MISMATCH;
    return text_fail(error,
        "%s is bound to another key, %s: only if its owner confirms the new one, pin it with "
        "--replace",
        old->binding.label, key);
}

bool names_pin(struct names *names, const char *label, const uint8_t key[32], bool may_replace,
    enum vx6_code *code, char error[TEXT_ERROR_SIZE])
{
    struct name *old = find(names, label);
    if (!keys_save(names->host->keys)) /* what was followed before stays before */
        return refuse_by_store(names, code, error);
    if (is_own(names, label)) {
        *code = VX6_SELF;
        return text_fail(error, "%s is this node's own name", label);
    }
    if (keys_is_revoked(names->host->keys, key))
        return refuse(
            code, VX6_REVOKED, error, "this key was revoked by its owner: ask for the new one");
    bool is_other_key = old && memcmp(old->binding.key, key, sizeof old->binding.key) != 0;
    if (is_other_key && !may_replace)
        return refuse_rebinding(old, code, error);
    if (is_other_key && !is_free_to_change(names, label, code, error))
        return false;
    if (old == NULL && !make_room(names))
        return refuse(code, VX6_NOMEM, error, "out of memory");
    struct store_binding binding = {.is_pinned = true, .since_unix_ms = unix_ms_now()};
    memcpy(binding.label, label, strlen(label) + 1);
    memcpy(binding.key, key, sizeof binding.key);
    if (!put(names, &binding, old ? &old->binding : NULL, code, error))
        return false;
    if (old)
        discard(names, old);
    (void)insert(names, &binding);
    REPORT(names->host->journal, name_pinned, .name = label, .key = key);
    return true;
}

bool names_forget(
    struct names *names, const char *label, enum vx6_code *code, char error[TEXT_ERROR_SIZE])
{
    struct name *name;
    if (!keys_save(names->host->keys)) /* what was followed before stays before */
        return refuse_by_store(names, code, error);
    if (!find_or_refuse(names, label, &name, code, error) ||
        !is_free_to_change(names, label, code, error))
        return false;
    if (!store_binding_remove(names->host->store, label))
        return refuse_by_store(names, code, error);
    (void)tell_node(names, VX6_IN_NAME_UNBIND, label);
    discard(names, name);
    REPORT(names->host->journal, name_forgotten, .name = label);
    return true;
}

bool names_rename(struct names *names, const char *from, const char *to, enum vx6_code *code,
    char error[TEXT_ERROR_SIZE])
{
    struct name *name, *other = find(names, to);
    if (!keys_save(names->host->keys)) /* what was followed before stays before */
        return refuse_by_store(names, code, error);
    if (!find_or_refuse(names, from, &name, code, error))
        return false;
    if (other || is_own(names, to)) {
        *code = VX6_UNEXPECTED;
        return text_fail(error, "%s is taken already: forget or rename that one first", to);
    }
    if (!is_free_to_change(names, from, code, error) || !is_free_to_change(names, to, code, error))
        return false;
    struct store_binding binding = name->binding;
    memcpy(binding.label, to, strlen(to) + 1);
    *code = bind(names, to, &binding);
    if (*code != VX6_OK)
        return text_fail(error, "%s: %s", to, vx6_code_text(*code));
    if (!store_binding_rename(names->host->store, from, &binding)) {
        (void)tell_node(names, VX6_IN_NAME_UNBIND, to);
        return refuse_by_store(names, code, error);
    }
    (void)tell_node(names, VX6_IN_NAME_UNBIND, from);
    discard(names, name);
    (void)insert(names, &binding);
    REPORT(names->host->journal, name_renamed, .name = from, .to = to);
    return true;
}

bool names_set_own(
    struct names *names, const char *label, enum vx6_code *code, char error[TEXT_ERROR_SIZE])
{
    struct host *host = names->host;
    if (find(names, label)) {
        *code = VX6_UNEXPECTED;
        return text_fail(
            error, "%s is the name of somebody else here: forget or rename that first", label);
    }
    if (!is_free_to_change(names, label, code, error)) /* one that is opening would bind it */
        return false;
    if (!store_own_name_set(host->store, label))
        return refuse_by_store(names, code, error);
    *code = tell_node(names, VX6_IN_LABEL, label);
    VX6_ASSERT(*code == VX6_OK);
    memcpy(host->label, label, strlen(label) + 1);
    REPORT(host->journal, named, .name = label);
    return true;
}
