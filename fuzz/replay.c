/* replay.c: a fuzz target without libFuzzer: every file named, and every file of the directories
 * named, goes through the target once. So `make check` replays the corpora under both compilers and
 * the sanitizers; finding new inputs is tools/fuzz' business.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 20 };

static int replay(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(INPUT_MAX);
    size_t len = 0;

    if (f == NULL || data == NULL) {
        perror(path);
        free(data);
        if (f != NULL)
            (void)fclose(f);
        return 1;
    }
    len = fread(data, 1, INPUT_MAX, f);
    (void)fclose(f);
    uint8_t *exact = malloc(len != 0 ? len : 1); /* the sanitizer sees one octet too many */
    if (exact != NULL) {
        for (size_t i = 0; i < len; i++)
            exact[i] = data[i];
        (void)fprintf(stderr, "%s\n", path); /* whose input it was, should it end here */
        (void)LLVMFuzzerTestOneInput(exact, len);
    }
    free(exact);
    free(data);
    return exact == NULL;
}

static int replay_all(const char *path, unsigned *count)
{
    DIR *d = opendir(path);
    const struct dirent *e;
    int failed = 0;
    char name[4096];

    if (d == NULL) {
        ++*count;
        return replay(path);
    }
    while ((e = readdir(d)) != NULL) {
        if (e->d_name[0] == '.')
            continue;
        (void)snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        failed |= replay(name);
        ++*count;
    }
    (void)closedir(d);
    return failed;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    int failed = 0;

    for (int i = 1; i < argc; i++)
        failed |= replay_all(argv[i], &count);
    (void)printf("%u inputs\n", count);
    return failed != 0 || count == 0;
}
