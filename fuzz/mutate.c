/* SPDX-License-Identifier: MIT */
/* Live traffic, changed: see fuzz/README.md. Prints which message was refused for which reason how
 * often, and that the node is in the end what it was at the begin. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "number.h"
#include "play.h"

enum {
    WARM_SHARE = 20,  /* one in so many inputs comes before the memory is looked at first */
    PROGRESS = 100000 /* scenes between two words */
};

struct options {
    uint64_t seed, count, least;
    const struct vx6_crypto *crypto;
};

static void usage(FILE *file)
{
    (void)fputs(
        "usage: mutate [--seed N] [--count N] [--least N] [--provider model|real]\n\n"
        "Gives a node COUNT (100000) inputs that were changed by somebody who knows the tables of\n"
        "messages, half of them at least on links that are up. Prints which message was refused\n"
        "for which reason, and how often. The same seed (1) and provider (model): the same run.\n\n"
        "Exit code: 0; 1 when a reason that can be was met less than LEAST (100) times, one that\n"
        "cannot be was met, or memory did not come back; 2 it was asked in a wrong way. Where\n"
        "something does not hold in between, the program aborts there.\n",
        file);
}

static struct options read_options(int argc, char **argv)
{
    static const struct option names[] = {{"seed", required_argument, NULL, 's'},
        {"count", required_argument, NULL, 'c'}, {"least", required_argument, NULL, 'l'},
        {"provider", required_argument, NULL, 'p'}, {"help", no_argument, NULL, 'h'}, {0}};
    struct options options = {
        .seed = 1, .count = 100000, .least = 100, .crypto = &vx6_crypto_model};
    int name;
    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
        bool is_good = false;
        if (name == 's') {
            is_good = number_parse(optarg, &options.seed);
        } else if (name == 'c') {
            is_good = number_parse(optarg, &options.count);
        } else if (name == 'l') {
            is_good = number_parse(optarg, &options.least);
        } else if (name == 'p') {
            bool is_real = strcmp(optarg, "real") == 0;
            options.crypto = is_real ? &vx6_crypto_real : &vx6_crypto_model;
            is_good = is_real || strcmp(optarg, "model") == 0;
        } else if (name == 'h') {
            usage(stdout);
            exit(0);
        }
        if (!is_good) {
            usage(stderr);
            exit(2);
        }
    }
    return options;
}

static void run(struct play *play, uint64_t count)
{
    uint64_t told = tally_inputs(&play->tally);
    while (tally_inputs(&play->tally) < count) {
        play_scene(play);
        if (tally_inputs(&play->tally) - told < PROGRESS)
            continue;
        told += PROGRESS;
        fprintf(stderr, "%" PRIu64 " inputs\n", told);
    }
}

struct held {
    size_t blocks, bytes;
};

/* Without its contacts, of which each has a block: once nobody answers they stay. */
static struct held held(const struct play *play)
{
    const struct memory *memory = &play->stage->memory;
    return (struct held){memory->blocks - play->stage->node->table.count, memory->held};
}

int main(int argc, char **argv)
{
    struct options options = read_options(argc, argv);
    struct play *play = play_new(options.crypto, options.seed);
    run(play, options.count / WARM_SHARE);
    play_settle(play);
    const struct held before = held(play);
    play_resume(play);
    run(play, options.count);
    play_settle(play);
    const struct held after = held(play);
    play_visit(play);

    const struct tally *tally = &play->tally;
    uint32_t wrong = tally_print(tally, options.least);
    uint64_t inputs = tally_inputs(tally), sealed = tally_sealed(tally);
    uint64_t share = inputs ? 100 * sealed / inputs : 0;
    printf("\n%" PRIu64 " inputs changed on their way (%s crypto, seed %" PRIu64 "): %" PRIu64
           " refused, %" PRIu64 " taken or ignored\n",
        inputs, options.crypto->name, options.seed, tally->refused, tally->taken);
    printf("%" PRIu64 " of them (%" PRIu64 " %%) on links after the handshake, before sealing\n",
        sealed, share);
    printf("%" PRIu64 " honest inputs refused: too many, or for what came before them\n",
        tally->after);
    printf("held once all had left: %zu blocks of memory, without contacts, and %zu bytes "
           "after one input in %d; %zu and %zu at the end\n",
        before.blocks, before.bytes, WARM_SHARE, after.blocks, after.bytes);
    puts("afterwards honest peers were answered, were found by name, and moved bytes both ways");
    play_free(play);
    if (wrong > 0)
        printf("%" PRIu32 " cells are wrong: marked with !\n", wrong);
    /* Arrays are as large as they ever had to be: bytes may differ, blocks are no more. */
    bool is_back = after.blocks <= before.blocks && after.bytes <= 2 * before.bytes;
    return wrong == 0 && 2 * sealed >= inputs && is_back ? EXIT_SUCCESS : EXIT_FAILURE;
}
