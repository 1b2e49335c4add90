#ifndef FRAMEBEAM_ROWS_H
#define FRAMEBEAM_ROWS_H

#include <stdint.h>

#include "clones.h"

// add_row adds a row of pixels to the sums of its columns.
FB_CLONES
static void add_row(const uint8_t *row, uint32_t *sums, int n) {
    for (int x = 0; x < n; x++)
        sums[x] += row[x];
}

#endif
