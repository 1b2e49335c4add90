#include "movie.h"

#include <stdio.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/cpu.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>

struct fb_movie {
    AVFormatContext *format;
    AVCodecContext *codec;
    AVStream *stream;
    AVFrame *picture;
    AVPacket *packet, *last; // last is not written before the time of the next is known
    struct SwsContext *sws;
    int64_t next; // the earliest time of the next picture, in the encoder's unit
};

static int fail(char *msg, size_t size, const char *what, int err) {
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    if (err)
        av_strerror(err, text, sizeof text);
    snprintf(msg, size, "%s%s%s", what, err ? ": " : "", text);
    return 0;
}

int fb_movie_has(const char *encoder) { return avcodec_find_encoder_by_name(encoder) != NULL; }

void fb_movie_close(fb_movie *m) {
    if (!m)
        return;
    sws_freeContext(m->sws);
    av_frame_free(&m->picture);
    av_packet_free(&m->packet);
    av_packet_free(&m->last);
    avcodec_free_context(&m->codec);
    if (m->format) {
        avio_closep(&m->format->pb);
        avformat_free_context(m->format);
    }
    av_free(m);
}

static int open_codec(fb_movie *m, const AVCodec *encoder, int gif, int width, int height, double rate) {
    AVCodecContext *c = m->codec;
    c->width = width;
    c->height = height;
    c->time_base = (AVRational){1, gif ? 100 : 1000000};
    c->framerate = av_d2q(rate < 1 ? 1 : rate > 120 ? 120 : rate, 1000); // the level is chosen by it
    c->thread_count = 1;                                                 // equal pictures give equal bytes
    c->flags |= AV_CODEC_FLAG_BITEXACT;
    if (gif) {
        c->pix_fmt = AV_PIX_FMT_RGB8;
        return avcodec_open2(c, encoder, NULL);
    }
    c->pix_fmt = AV_PIX_FMT_YUV420P; // what every browser plays
    c->max_b_frames = 0;             // pictures in the order of their times, so no edit list
    c->gop_size = 60;
    c->color_range = AVCOL_RANGE_MPEG;
    c->colorspace = AVCOL_SPC_SMPTE170M; // that of swscale and of JPEG
    c->color_primaries = AVCOL_PRI_SMPTE170M;
    c->color_trc = AVCOL_TRC_SMPTE170M;
    if (m->format->oformat->flags & AVFMT_GLOBALHEADER)
        c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    AVDictionary *options = NULL;
    av_dict_set(&options, "preset", "veryfast", 0); // what another encoder does not know, it leaves
    av_dict_set(&options, "crf", "20", 0);
#ifdef __x86_64__
    // With AVX-512 x264 (164) takes what lay in memory beyond a row of macroblocks for
    // a part of it, and equal pictures give other bytes. With AVX2 it does not.
    if (av_get_cpu_flags() & AV_CPU_FLAG_AVX512)
        av_dict_set(&options, "x264-params", "asm=avx2", 0);
#endif
    int err = avcodec_open2(c, encoder, &options);
    av_dict_free(&options);
    return err;
}

static int begin(fb_movie *m, const char *path, const char *name, int width, int height, double rate, char *msg, size_t size) {
    int gif = !strcmp(name, "gif");
    const AVCodec *encoder = avcodec_find_encoder_by_name(name);
    if (!encoder)
        return fail(msg, size, "FFmpeg's libraries here have no such encoder", 0);
    int err = avformat_alloc_output_context2(&m->format, NULL, gif ? "gif" : "mp4", path);
    if (err < 0)
        return fail(msg, size, "cannot be begun", err);
    m->format->flags |= AVFMT_FLAG_BITEXACT; // neither the time nor the program that made it
    m->codec = avcodec_alloc_context3(encoder);
    m->stream = avformat_new_stream(m->format, NULL);
    m->picture = av_frame_alloc();
    m->packet = av_packet_alloc();
    m->last = av_packet_alloc();
    if (!m->codec || !m->stream || !m->picture || !m->packet || !m->last)
        return fail(msg, size, "is too large", AVERROR(ENOMEM));
    if ((err = open_codec(m, encoder, gif, width, height, rate)) < 0 ||
        (err = avcodec_parameters_from_context(m->stream->codecpar, m->codec)) < 0)
        return fail(msg, size, "cannot be encoded", err);
    m->stream->time_base = m->codec->time_base;
    m->picture->format = m->codec->pix_fmt;
    m->picture->width = width;
    m->picture->height = height;
    m->sws = sws_getContext(width, height, AV_PIX_FMT_BGR24, width, height, m->codec->pix_fmt,
                            SWS_BICUBIC | SWS_ACCURATE_RND | SWS_BITEXACT | SWS_FULL_CHR_H_INP, NULL, NULL, NULL);
    if (!m->sws || av_frame_get_buffer(m->picture, 0) < 0)
        return fail(msg, size, "is too large", AVERROR(ENOMEM));
    AVDictionary *options = NULL;
    if (!gif)
        av_dict_set(&options, "movflags", "+faststart", 0); // a browser plays before it has all
    if ((err = avio_open(&m->format->pb, path, AVIO_FLAG_WRITE)) >= 0)
        err = avformat_write_header(m->format, &options);
    av_dict_free(&options);
    return err < 0 ? fail(msg, size, "cannot be written", err) : 1;
}

int fb_movie_open(fb_movie **movie, const char *path, const char *encoder, int width, int height, double rate, char *msg, size_t size) {
    av_log_set_level(AV_LOG_ERROR);
    fb_movie *m = av_mallocz(sizeof *m);
    if (!m)
        return fail(msg, size, "is too large", AVERROR(ENOMEM));
    if (!begin(m, path, encoder, width, height, rate, msg, size)) {
        fb_movie_close(m);
        return 0;
    }
    *movie = m;
    return 1;
}

// write_last writes the last packet, which is shown until the time of the next.
static int write_last(fb_movie *m, int64_t until) {
    if (!m->last->data)
        return 0;
    m->last->duration = until > m->last->pts ? until - m->last->pts : 1;
    m->last->stream_index = m->stream->index;
    av_packet_rescale_ts(m->last, m->codec->time_base, m->stream->time_base);
    return av_interleaved_write_frame(m->format, m->last); // takes it
}

static int encode(fb_movie *m, AVFrame *picture, char *msg, size_t size) {
    int err = avcodec_send_frame(m->codec, picture);
    while (err >= 0 && (err = avcodec_receive_packet(m->codec, m->packet)) >= 0) {
        if ((err = write_last(m, m->packet->pts)) < 0)
            return fail(msg, size, "cannot be written", err);
        av_packet_move_ref(m->last, m->packet);
    }
    if (err == AVERROR(EAGAIN) || err == AVERROR_EOF)
        return 1;
    return fail(msg, size, "cannot be encoded", err);
}

// ticks is a time in microseconds in the encoder's unit.
static int64_t ticks(fb_movie *m, int64_t us) { return av_rescale_q(us, (AVRational){1, 1000000}, m->codec->time_base); }

int fb_movie_add(fb_movie *m, const uint8_t *bgr, size_t step, int64_t at, int key, char *msg, size_t size) {
    int err = av_frame_make_writable(m->picture);
    if (err < 0)
        return fail(msg, size, "is too large", err);
    const uint8_t *planes[4] = {bgr};
    int lines[4] = {(int)step};
    sws_scale(m->sws, planes, lines, 0, m->codec->height, m->picture->data, m->picture->linesize);
    int64_t when = ticks(m, at);
    m->picture->pts = when < m->next ? m->next : when;
    // GIFs count hundredths of a second, and browsers take less than two of them for ten.
    m->next = m->picture->pts + (m->codec->time_base.den == 100 ? 2 : 1);
    m->picture->pict_type = key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    return encode(m, m->picture, msg, size);
}

int fb_movie_finish(fb_movie *m, int64_t until, char *msg, size_t size) {
    if (!encode(m, NULL, msg, size))
        return 0;
    int64_t end = ticks(m, until);
    if (m->codec->codec_id == AV_CODEC_ID_GIF && end > m->last->pts)
        av_opt_set_int(m->format->priv_data, "final_delay", end - m->last->pts, 0);
    int err = write_last(m, end);
    if (err >= 0)
        err = av_write_trailer(m->format);
    if (err >= 0)
        err = avio_closep(&m->format->pb);
    return err < 0 ? fail(msg, size, "cannot be written", err) : 1;
}
