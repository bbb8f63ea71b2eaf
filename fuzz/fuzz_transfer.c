/* fuzz_transfer.c: frames between two egresses (wire/transfer.h): whatever comes is read within its
 * bounds, and what has been read is written as it was.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/transfer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t out[GW_TFRAME_MAX];
    struct gw_tframe f;
    int n;

    for (; (n = gw_tframe_read(data, size, &f)) > 0; data += n, size -= (size_t)n)
        if ((size_t)n > size || gw_tframe_write(&f, out) != (size_t)n ||
            memcmp(out, data, (size_t)n) != 0)
            abort();
    return 0;
}
