#include "film.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

struct fb_film {
    AVFormatContext *format;
    AVCodecContext *codec;
    AVStream *stream;
    AVPacket *packet;
    AVFrame *picture;
    AVFrame *bgr; // of the coded size: the picture is its upper left part
    struct SwsContext *sws;
    int ended;    // nothing is left to read
    int failed;   // why reading ended, if not at the end
    int64_t pictures, packets, broken;
    double reached;
};

static int fail(char *msg, size_t size, const char *what, int err) {
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    if (err)
        av_strerror(err, text, sizeof text);
    snprintf(msg, size, "%s%s%s", what, err ? ": " : "", text);
    return 0;
}

void fb_close(fb_film *f) {
    if (!f)
        return;
    sws_freeContext(f->sws);
    av_frame_free(&f->bgr);
    av_frame_free(&f->picture);
    av_packet_free(&f->packet);
    avcodec_free_context(&f->codec);
    avformat_close_input(&f->format);
    av_free(f);
}

// listening is where errors and warnings go that this thread makes FFmpeg write, beside the
// standard error; NULL: nowhere.
static _Thread_local fb_failure *listening;

static void heard(void *of, int level, const char *format, va_list args) {
    if (listening && level <= AV_LOG_WARNING) { // HTTP answers are warnings
        va_list again;
        va_copy(again, args);
        char *said = listening->said;
        size_t used = strlen(said), room = sizeof listening->said - used;
        int prefix = 1;
        if (room > 1)
            av_log_format_line2(of, level, format, again, said + used, (int)room, &prefix);
        va_end(again);
    }
    av_log_default_callback(of, level, format, args);
}

static int wrong(fb_failure *failure, int step, int code, char *msg, size_t size, const char *what) {
    failure->step = step;
    failure->code = code;
    return fail(msg, size, what, code);
}

static int open_film(fb_film *f, const char *url, AVDictionary **options, int threads, fb_failure *failure, char *msg, size_t size) {
    int err = avformat_open_input(&f->format, url, NULL, options);
    if (err < 0)
        return wrong(failure, FB_OPEN, err, msg, size, "cannot be opened");
    if ((err = avformat_find_stream_info(f->format, NULL)) < 0)
        return wrong(failure, FB_STREAMS, err, msg, size, "nothing is known of its streams");
    for (unsigned i = 0; i < f->format->nb_streams && !f->stream; i++)
        if (f->format->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
            f->stream = f->format->streams[i];
    if (!f->stream)
        return wrong(failure, FB_VIDEO, 0, msg, size, "has no video");
    enum AVCodecID id = f->stream->codecpar->codec_id;
    if (id != AV_CODEC_ID_NONE)
        snprintf(failure->codec, sizeof failure->codec, "%s", avcodec_get_name(id));
    const AVCodec *decoder = avcodec_find_decoder(id);
    if (!decoder)
        return wrong(failure, FB_DECODER, 0, msg, size, "is in a format without a decoder");
    f->codec = avcodec_alloc_context3(decoder);
    f->packet = av_packet_alloc();
    f->picture = av_frame_alloc();
    f->bgr = av_frame_alloc();
    if (!f->codec || !f->packet || !f->picture || !f->bgr)
        return wrong(failure, FB_OTHER, AVERROR(ENOMEM), msg, size, "is too large");
    f->codec->thread_count = threads;
    if ((err = avcodec_parameters_to_context(f->codec, f->stream->codecpar)) < 0 ||
        (err = avcodec_open2(f->codec, decoder, NULL)) < 0)
        return wrong(failure, FB_DECODING, err, msg, size, "cannot be decoded");
    return 1;
}

int fb_open(fb_film **film, const char *url, const char *text, int threads, fb_about *about, fb_failure *failure, char *msg, size_t size) {
    av_log_set_level(AV_LOG_ERROR);
    av_log_set_callback(heard);
    AVDictionary *options = NULL;
    int err = av_dict_parse_string(&options, text, ";", "|", 0);
    if (err < 0) {
        av_dict_free(&options);
        return wrong(failure, FB_OTHER, err, msg, size, "FFmpeg's options are not key;value|key;value");
    }
    fb_film *f = av_mallocz(sizeof *f);
    listening = failure;
    int ok = f ? open_film(f, url, &options, threads, failure, msg, size)
               : wrong(failure, FB_OTHER, AVERROR(ENOMEM), msg, size, "is too large");
    listening = NULL;
    av_dict_free(&options);
    if (!ok) {
        fb_close(f);
        return 0;
    }
    AVRational rate = av_guess_frame_rate(f->format, f->stream, NULL);
    about->step = rate.num > 0 && rate.den > 0 ? (double)rate.den / rate.num : 0;
    about->width = f->stream->codecpar->width;
    about->height = f->stream->codecpar->height;
    memcpy(about->codec, failure->codec, sizeof about->codec);
    const int32_t *m = (const int32_t *)av_stream_get_side_data(f->stream, AV_PKT_DATA_DISPLAYMATRIX, NULL);
    if (m) {
        const int32_t turn[4] = {m[0], m[1], m[3], m[4]};
        memcpy(about->turn, turn, sizeof turn);
    }
    *film = f;
    return 1;
}

// fits tells whether a picture's memory holds planes of a size, which may be larger
// than its own.
static int fits(AVFrame *p, int width, int height) {
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(p->format);
    int planes = av_pix_fmt_count_planes(p->format);
    if (!d || planes < 1 || d->flags & AV_PIX_FMT_FLAG_HWACCEL)
        return 0;
    for (int i = 0; i < planes; i++) {
        AVBufferRef *memory = av_frame_get_plane_buffer(p, i);
        int line = av_image_get_linesize(p->format, width, i);
        int rows = i == 1 || i == 2 ? AV_CEIL_RSHIFT(height, d->log2_chroma_h) : height;
        if (!memory || line < 0 || line > abs(p->linesize[i]))
            return 0;
        // Pictures that are stored upside down have negative steps.
        int64_t first = p->data[i] - memory->data, last = first + (int64_t)(rows - 1) * p->linesize[i];
        if (FFMIN(first, last) < 0 || FFMAX(first, last) + line > (int64_t)memory->size)
            return 0;
    }
    return 1;
}

// convert makes BGR of the picture. Size and pixel format are the picture's own,
// whatever those before had.
static int convert(fb_film *f, char *msg, size_t size) {
    AVFrame *p = f->picture;
    int width = p->width, height = p->height;
    // What is coded is often a little larger than what is shown. It is converted as
    // a whole, as OpenCV does it: in the last columns the result may depend on that.
    if (width == f->codec->width && height == f->codec->height && f->codec->coded_width >= width &&
        f->codec->coded_height >= height && fits(p, f->codec->coded_width, f->codec->coded_height)) {
        width = f->codec->coded_width;
        height = f->codec->coded_height;
    } else if (!fits(p, width, height)) {
        return fail(msg, size, "gives a picture that is smaller than its size", 0);
    }
    f->sws = sws_getCachedContext(f->sws, width, height, p->format, width, height, AV_PIX_FMT_BGR24, SWS_BICUBIC, NULL, NULL, NULL);
    if (!f->sws)
        return fail(msg, size, "has pixels that cannot be made BGR", 0);
    if (f->bgr->width != width || f->bgr->height != height) {
        av_frame_unref(f->bgr);
        f->bgr->format = AV_PIX_FMT_BGR24;
        f->bgr->width = width;
        f->bgr->height = height;
        int err = av_frame_get_buffer(f->bgr, 32);
        if (err < 0)
            return fail(msg, size, "has a picture that is too large", err);
    }
    sws_scale(f->sws, (const uint8_t *const *)p->data, p->linesize, 0, height, f->bgr->data, f->bgr->linesize);
    return 1;
}

// stamp is the picture's time, in milliseconds, as OpenCV has it, since when a
// file's frames were must not change; 0 where there is none: also for those that the
// decoder still had when nothing was left to give it.
static double stamp(const fb_film *f, int fed) {
    if (!fed)
        return 0;
    int64_t t = f->picture->pts != AV_NOPTS_VALUE && f->picture->pts != 0 ? f->picture->pts : f->picture->pkt_dts;
    if (t == AV_NOPTS_VALUE || f->stream->start_time == AV_NOPTS_VALUE)
        return 0;
    return (double)(t - f->stream->start_time) * av_q2d(f->stream->time_base) * 1000;
}

// feed gives the decoder what comes next.
static void feed(fb_film *f) {
    int err = av_read_frame(f->format, f->packet);
    if (err == AVERROR(EAGAIN))
        return;
    if (err < 0) {
        if (err != AVERROR_EOF)
            f->failed = err;
        f->ended = 1;
        avcodec_send_packet(f->codec, NULL);
        return;
    }
    AVPacket *p = f->packet;
    const AVStream *s = f->format->streams[p->stream_index];
    int64_t start = f->format->start_time != AV_NOPTS_VALUE ? f->format->start_time : 0;
    int64_t t = p->pts != AV_NOPTS_VALUE ? p->pts : p->dts;
    if (t != AV_NOPTS_VALUE)
        f->reached = FFMAX(f->reached, (double)(t + p->duration) * av_q2d(s->time_base) - (double)start / AV_TIME_BASE);
    if (p->stream_index == f->stream->index) {
        f->packets++;
        // A packet that cannot be decoded is no reason to give up those after it.
        if (avcodec_send_packet(f->codec, p) < 0 && f->pictures > 0)
            f->broken++;
    }
    av_packet_unref(p);
}

int fb_read(fb_film *f, fb_picture *picture, char *msg, size_t size) {
    msg[0] = 0;
    int fed = 0;
    for (;;) {
        int err = avcodec_receive_frame(f->codec, f->picture);
        if (err == 0)
            break;
        if (err == AVERROR_EOF || (f->ended && err == AVERROR(EAGAIN))) {
            if (f->failed)
                fail(msg, size, "cannot be read on", f->failed);
            return f->failed ? -1 : 0;
        }
        if (err != AVERROR(EAGAIN)) {
            if (f->pictures > 0)
                f->broken++;
            continue;
        }
        feed(f);
        fed = 1;
    }
    f->pictures++;
    picture->width = f->picture->width;
    picture->height = f->picture->height;
    picture->stamp = stamp(f, fed);
    return convert(f, msg, size) ? 1 : -1;
}

void fb_copy(fb_film *f, uint8_t *bgr, size_t step) {
    av_image_copy_plane(bgr, (int)step, f->bgr->data[0], f->bgr->linesize[0], f->picture->width * 3, f->picture->height);
}

void fb_count(const fb_film *f, fb_tally *t) {
    t->pictures = f->pictures;
    t->packets = f->packets;
    t->broken = f->broken;
    t->reached = f->reached;
    t->expected = 0;
    t->length = f->format->duration != AV_NOPTS_VALUE && f->format->duration > 0 ? (double)f->format->duration / AV_TIME_BASE : 0;
    if (f->format->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE)
        t->length = 0; // a guess
    // The index of an MP4 is complete, and holds only what its edit list shows.
    t->exact = strstr(f->format->iformat->name, "mp4") != NULL;
    if (t->exact)
        t->expected = avformat_index_get_entries_count(f->stream);
    else if (f->stream->nb_frames > 0)
        t->expected = f->stream->nb_frames;
}
