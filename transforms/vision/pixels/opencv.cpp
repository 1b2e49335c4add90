#include "opencv.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <string>

#include <opencv2/core.hpp>
#include <opencv2/core/utility.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

namespace {

void say(const std::string &what, char *out, size_t size) {
    size_t n = std::min(what.size(), size - 1);
    std::memcpy(out, what.data(), n);
    out[n] = 0;
}

// A C++ exception that reaches Go ends the process.
template <typename F>
int guarded(char *msg, size_t size, F f) {
    try {
        f();
        return 1;
    } catch (const cv::Exception &e) {
        say(e.err, msg, size);
    } catch (const std::exception &e) {
        say(e.what(), msg, size);
    } catch (...) {
        say("unknown exception", msg, size);
    }
    return 0;
}

bool black(const cv::Mat &m) {
    const cv::Mat flat = m.reshape(1, 1);
    const uchar *end = flat.ptr() + flat.total();
    return std::find_if(flat.ptr(), end, [](uchar v) { return v != 0; }) == end;
}

void decode(const cv::Mat &buf, int flags, int type, int width, int height, cv::Mat &dst) {
    flags |= cv::IMREAD_IGNORE_ORIENTATION;
    // imdecode keeps a Mat of the right size and type, so rows that a damaged
    // image does not fill are black instead of old memory.
    dst = cv::Mat::zeros(height, width, type);
    cv::imdecode(buf, flags, &dst);
    // But it also keeps it when it could not even read the header.
    if (!dst.empty() && black(dst)) {
        cv::Mat fresh;
        cv::imdecode(buf, flags, &fresh);
        if (fresh.empty())
            dst.release();
    }
}

}  // namespace

int fb_decode(const void *data, size_t len, int png, int gray, int width, int height, void *dst, char *msg, size_t size) {
    return guarded(msg, size, [&] {
        cv::Mat &out = *static_cast<cv::Mat *>(dst);
        const cv::Mat buf(1, static_cast<int>(len), CV_8UC1, const_cast<void *>(data));
        if (gray && png) {
            // libpng's own conversion to gray rounds otherwise than cvtColor does.
            cv::Mat bgr;
            decode(buf, cv::IMREAD_COLOR, CV_8UC3, width, height, bgr);
            if (bgr.empty())
                out.release();
            else
                cv::cvtColor(bgr, out, cv::COLOR_BGR2GRAY);
        } else if (gray) {
            decode(buf, cv::IMREAD_GRAYSCALE, CV_8UC1, width, height, out);
        } else {
            decode(buf, cv::IMREAD_COLOR, CV_8UC3, width, height, out);
        }
    });
}

int fb_raw(const void *data, int channels, int gray, int width, int height, void *dst, char *msg, size_t size) {
    return guarded(msg, size, [&] {
        cv::Mat &out = *static_cast<cv::Mat *>(dst);
        const cv::Mat in(height, width, CV_8UC(channels), const_cast<void *>(data));
        if ((channels == 1) == (gray != 0))
            in.copyTo(out);
        else
            cv::cvtColor(in, out, gray ? cv::COLOR_BGR2GRAY : cv::COLOR_GRAY2BGR);
    });
}

void fb_single_threaded(void) { cv::setNumThreads(1); }

int fb_threads(void) { return cv::getNumThreads(); }

void fb_cpu_features(char *out, size_t size) { say(cv::getCPUFeaturesLine(), out, size); }
