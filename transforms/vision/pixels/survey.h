#ifndef FRAMEBEAM_SURVEY_H
#define FRAMEBEAM_SURVEY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* See survey.go. The arrays are zero. Returns 1 on success, 0 if gray is not an
 * 8-bit gray picture of at least columns x rows squares of step x step pixels. */
int fb_survey(const void *gray, int step, int columns, int rows, int blocks_x, int blocks_y, int64_t histogram[256],
              int64_t *cells, uint32_t *digests, int64_t *detail, int64_t *squares);

/* For each displacement of at most range_x, range_y, row by row, three sums over
 * what overlaps: of the products, of the squares of a, of those of b. sums is zero. */
void fb_correlate(const int16_t *a, const int16_t *b, int columns, int rows, int range_x, int range_y, int64_t *sums);

#ifdef __cplusplus
}
#endif

#endif
