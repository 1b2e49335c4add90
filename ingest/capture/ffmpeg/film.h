#ifndef FRAMEBEAM_FILM_H
#define FRAMEBEAM_FILM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fb_film fb_film;

// What a film says of itself when it is open.
typedef struct {
    double step;     // seconds between two pictures; 0: not known
    int32_t turn[4]; // of the display matrix: a, b, c, d; all 0 if there is none
    int width, height; // of its pictures before they are turned; 0: not known
    char codec[64];    // "" if it is not known
} fb_about;

// What could not be done when a film was opened.
enum { FB_OPEN = 1, FB_STREAMS, FB_VIDEO, FB_DECODER, FB_DECODING, FB_OTHER };

// Why a film could not be opened.
typedef struct {
    int step;         // one of the above
    int code;         // an AVERROR; 0: none
    char codec[64];   // of its video, as far as that is known
    char said[2000];  // what FFmpeg had to complain about meanwhile, in lines
} fb_failure;

// What fb_read says.
typedef struct {
    int width, height;
    double stamp; // milliseconds
} fb_picture;

// What was read, at the end.
typedef struct {
    int64_t pictures;
    int64_t packets;  // of the video
    int64_t expected; // packets, as the header or the index says; 0: not known
    int exact;        // expected comes from a complete index
    int64_t broken;   // packets that could not be decoded, after the first picture
    double reached;   // seconds, of any stream
    double length;    // seconds, as the header says; 0: not known
} fb_tally;

// fb_cpus is how many processors there are, as OpenCV counts them.
int fb_cpus(void);

// fb_open opens a file or URL; 0 is failure, with the reason in msg and in failure.
int fb_open(fb_film **film, const char *url, const char *options, int threads, fb_about *about, fb_failure *failure, char *msg, size_t size);
// fb_read decodes the next picture: 1. At the end it is 0, with msg empty, or -1,
// with the reason.
int fb_read(fb_film *film, fb_picture *picture, char *msg, size_t size);
// fb_copy copies the picture that fb_read decoded, in BGR, to rows step bytes apart.
void fb_copy(fb_film *film, uint8_t *bgr, size_t step);
void fb_count(const fb_film *film, fb_tally *tally);
void fb_close(fb_film *film);

#ifdef __cplusplus
}
#endif

#endif
