#ifndef FRAMEBEAM_MOVIE_H
#define FRAMEBEAM_MOVIE_H

#include <stddef.h>
#include <stdint.h>

typedef struct fb_movie fb_movie;

// fb_movie_open begins a file: an MP4 of the encoder of that name, or a GIF where it is
// "gif". Width and height are even, rate is about how many pictures there are a second.
// 0 is failure, with the reason in msg.
int fb_movie_open(fb_movie **movie, const char *path, const char *encoder, int width, int height, double rate, char *msg, size_t size);
// fb_movie_add adds a picture in BGR, rows step bytes apart, that is shown from a time on,
// in microseconds, later than that of the picture before. key: it does not depend on those
// before.
int fb_movie_add(fb_movie *movie, const uint8_t *bgr, size_t step, int64_t at, int key, char *msg, size_t size);
// fb_movie_finish ends the file; the last picture is shown until a time.
int fb_movie_finish(fb_movie *movie, int64_t until, char *msg, size_t size);
void fb_movie_close(fb_movie *movie);
// fb_movie_has reports whether FFmpeg's libraries have an encoder of that name.
int fb_movie_has(const char *encoder);

#endif
