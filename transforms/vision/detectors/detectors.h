#ifndef FRAMEBEAM_DETECTORS_H
#define FRAMEBEAM_DETECTORS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Pictures are gocv's: pointers to cv::Mat. Functions that return int return 1 on
 * success; on failure 0, with OpenCV's message, cut to size, in msg. */

typedef struct {
    int x, y, width, height;
    double weight;
} fb_box;

typedef struct {
    float x, y, angle, response;
    int octave;
    uint8_t descriptor[32];
} fb_keypoint;

int fb_hog_new(void **hog, char *msg, size_t size);
int fb_hog_detect(void *hog, const void *picture, double hit, int stride, int padding, double scale,
                  double group, int mean_shift, fb_box **boxes, int *n, char *msg, size_t size);
void fb_hog_free(void *hog);

/* Of the path, if it is not "", else of what is in memory, which must be of the newer format. */
int fb_cascade_new(const void *xml, size_t len, const char *path, void **cascade, char *msg, size_t size);
int fb_cascade_detect(void *cascade, const void *gray, double scale, int neighbours, int least_w, int least_h,
                      int most_w, int most_h, fb_box **boxes, int *n, char *msg, size_t size);
void fb_cascade_free(void *cascade);

int fb_network_onnx(const void *model, size_t len, void **net, char *msg, size_t size);
int fb_network_caffe(const void *proto, size_t proto_len, const void *model, size_t len, void **net, char *msg, size_t size);
/* The picture is of the network's size. out becomes the output of the layer, or of the last one if layer is "". */
int fb_network_forward(void *net, const void *picture, double scale, const double mean[3], const double std[3],
                       int swap_rb, const char *layer, void *out, char *msg, size_t size);
void fb_network_free(void *net);

int fb_orb(const void *gray, int count, double scale, int levels, int threshold, fb_keypoint **points, int *n,
           char *msg, size_t size);

/* sums gets, row by row, the sum of gray in each of cols x rows cells. */
int fb_cells(const void *gray, int cols, int rows, int64_t *sums);
/* counts gets the number of pixels of an 8-bit picture of three channels in each of n bins: the bin of a
 * pixel is the sum of what the three tables, of 256 each, say of its channels. */
int fb_bins(const void *picture, const uint16_t *tables, int n, uint32_t *counts);

#ifdef __cplusplus
}
#endif

#endif
