#ifndef FRAMEBEAM_PIXELS_H
#define FRAMEBEAM_PIXELS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Mats are gocv's: pointers to cv::Mat. Functions return 1 on success; on
 * failure 0, with OpenCV's message, cut to size, in msg. */

int fb_decode(const void *data, size_t len, int png, int gray, int width, int height, void *dst, char *msg, size_t size);
int fb_raw(const void *data, int channels, int gray, int width, int height, void *dst, char *msg, size_t size);
/* sums gets the sums of gray, gray squared, its Laplacian, and that squared. */
int fb_sums(const void *gray, int64_t sums[4]);
/* means gets that of each square of size x size pixels, times scale, rounded. */
void fb_cell_means(const uint8_t *pixels, int width, int height, int size, int scale, uint16_t *means);
void fb_single_threaded(void);
int fb_threads(void);
void fb_cpu_features(char *out, size_t size);

#ifdef __cplusplus
}
#endif

#endif
