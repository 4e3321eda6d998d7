/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over its corpus, with any compiler. The argument is the folder. Each file is
 * given as a whole, and cut short at every length up to 512. With --whole before it, files are not
 * cut. That is for inputs that are programs, since a shorter program is only less of the same.
 */
#include <dirent.h>
#include <stdio.h>

#include "fuzz.h"

enum { CUT_MAX = 512 };

/* In a block of exactly its length, so that a sanitizer sees a read past the end. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    CHECK(copy != NULL);
    if (size != 0)
        memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static bool replay(const char *path, size_t most_cut)
{
    static uint8_t data[1 << 20];
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    size_t size = fread(data, 1, sizeof(data), file);
    bool whole = ferror(file) == 0 && feof(file) != 0;
    fclose(file);
    if (!whole)
        return false;
    run(data, size);
    for (size_t cut = 0; cut < size && cut < most_cut; cut++)
        run(data, cut);
    return true;
}

int main(int argc, char **argv)
{
    bool whole = argc == 3 && strcmp(argv[1], "--whole") == 0;
    const char *name = argv[argc - 1];
    DIR *folder = argc == 2 || whole ? opendir(name) : NULL;
    if (folder == NULL) {
        fprintf(stderr, "usage: %s [--whole] CORPUS_FOLDER\n", argv[0]);
        return 2;
    }
    size_t count = 0;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        int n = snprintf(path, sizeof(path), "%s/%s", name, entry->d_name);
        if (n < 0 || (size_t)n >= sizeof(path) || !replay(path, whole ? 0 : CUT_MAX + 1)) {
            fprintf(stderr, "cannot read %s/%s\n", name, entry->d_name);
            return 1;
        }
        count++;
    }
    closedir(folder);
    printf("%zu files\n", count);
    return count == 0 ? 1 : 0;
}
