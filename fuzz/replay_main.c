/* SPDX-License-Identifier: MIT */
/* Gives files, and the files in folders, to a fuzz target: for compilers without libFuzzer, and for
 * the committed corpora as regression tests. An input that fails ends the program; its name is the
 * last line before what failed. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fuzz.h"

enum {
    PATH_SIZE = 4096
};

static void fail(const char *path)
{
    perror(path);
    exit(2);
}

/* In memory of exactly its size: a sanitizer then sees every byte read beyond the end. */
static void replay_file(const char *path, size_t len)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(len > 0 ? len : 1);
    if (file == NULL || data == NULL || fread(data, 1, len, file) != len)
        fail(path);
    (void)fclose(file);
    fprintf(stderr, "%s\n", path);
    (void)LLVMFuzzerTestOneInput(data, len);
    free(data);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static unsigned long replay(const char *path)
{
    struct stat status;
    struct dirent **entries;
    unsigned long count = 0;
    if (stat(path, &status) != 0)
        fail(path);
    if (!S_ISDIR(status.st_mode)) {
        replay_file(path, (size_t)status.st_size);
        return 1;
    }
    int entry_count = scandir(path, &entries, is_visible, alphasort);
    if (entry_count < 0)
        fail(path);
    for (int i = 0; i < entry_count; i++) {
        char inner[PATH_SIZE];
        (void)snprintf(inner, sizeof inner, "%s/%s", path, entries[i]->d_name);
        count += replay(inner);
        free(entries[i]);
    }
    free(entries);
    return count;
}

int main(int argc, char **argv)
{
    unsigned long count = 0;
    for (int i = 1; i < argc; i++)
        count += replay(argv[i]);
    printf("%lu inputs replayed\n", count);
    return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE; /* a corpus that is not there tests nothing */
}
