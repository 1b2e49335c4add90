#include "detectors.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include <opencv2/core.hpp>
#include <opencv2/dnn.hpp>
#include <opencv2/features2d.hpp>
#include <opencv2/objdetect.hpp>

namespace {

void say(const std::string &what, char *out, size_t size) {
    size_t n = std::min(what.size(), size - 1);
    std::memcpy(out, what.data(), n);
    out[n] = 0;
}

// A C++ exception that reaches Go ends the process. As in transforms/vision/pixels: the go
// command does not see changes of headers in other packages, so each has its own.
template <typename F>
int guarded(char *msg, size_t size, F f) {
    try {
        f();
        return 1;
    } catch (const cv::Exception &e) {
        say(e.err.empty() ? e.what() : e.err, msg, size);
    } catch (const std::exception &e) {
        say(e.what(), msg, size);
    } catch (...) {
        say("unknown exception", msg, size);
    }
    return 0;
}

const cv::Mat &mat(const void *m) { return *static_cast<const cv::Mat *>(m); }

template <typename T>
T *array(size_t n) {
    T *a = static_cast<T *>(std::malloc(std::max<size_t>(n, 1) * sizeof(T)));
    if (!a)
        throw std::bad_alloc();
    return a;
}

template <typename W>
void give(const std::vector<cv::Rect> &rects, const std::vector<W> &weights, fb_box **boxes, int *n) {
    *boxes = array<fb_box>(rects.size());
    *n = static_cast<int>(rects.size());
    for (size_t i = 0; i < rects.size(); i++) {
        const cv::Rect &r = rects[i];
        (*boxes)[i] = {r.x, r.y, r.width, r.height, i < weights.size() ? static_cast<double>(weights[i]) : 0};
    }
}

void *ready(cv::dnn::Net net) {
    CV_Assert(!net.empty());
    net.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
    net.setPreferableTarget(cv::dnn::DNN_TARGET_CPU);
    return new cv::dnn::Net(net);
}

}  // namespace

int fb_hog_new(void **hog, char *msg, size_t size) {
    return guarded(msg, size, [&] {
        cv::Ptr<cv::HOGDescriptor> h = cv::makePtr<cv::HOGDescriptor>();
        h->setSVMDetector(cv::HOGDescriptor::getDefaultPeopleDetector());
        *hog = new cv::Ptr<cv::HOGDescriptor>(h);
    });
}

int fb_hog_detect(void *hog, const void *picture, double hit, int stride, int padding, double scale, double group,
                  int mean_shift, fb_box **boxes, int *n, char *msg, size_t size) {
    return guarded(msg, size, [&] {
        std::vector<cv::Rect> rects;
        std::vector<double> weights;
        (*static_cast<cv::Ptr<cv::HOGDescriptor> *>(hog))
            ->detectMultiScale(mat(picture), rects, weights, hit, cv::Size(stride, stride), cv::Size(padding, padding),
                               scale, group, mean_shift != 0);
        give(rects, weights, boxes, n);
    });
}

void fb_hog_free(void *hog) { delete static_cast<cv::Ptr<cv::HOGDescriptor> *>(hog); }

int fb_cascade_new(const void *xml, size_t len, const char *path, void **cascade, char *msg, size_t size) {
    return guarded(msg, size, [&] {
        cv::CascadeClassifier c;
        bool ok;
        if (*path) {
            ok = c.load(path);
        } else {
            cv::FileStorage fs(std::string(static_cast<const char *>(xml), len), cv::FileStorage::READ | cv::FileStorage::MEMORY);
            ok = fs.isOpened() && c.read(fs.getFirstTopLevelNode());
        }
        if (!ok)
            CV_Error(cv::Error::StsParseError, "not a cascade of OpenCV's");
        *cascade = new cv::CascadeClassifier(c);
    });
}

int fb_cascade_detect(void *cascade, const void *gray, double scale, int neighbours, int least_w, int least_h, int most_w,
                      int most_h, fb_box **boxes, int *n, char *msg, size_t size) {
    return guarded(msg, size, [&] {
        std::vector<cv::Rect> rects;
        std::vector<int> joined;
        static_cast<cv::CascadeClassifier *>(cascade)->detectMultiScale(
            mat(gray), rects, joined, scale, neighbours, 0, cv::Size(least_w, least_h), cv::Size(most_w, most_h));
        give(rects, joined, boxes, n);
    });
}

void fb_cascade_free(void *cascade) { delete static_cast<cv::CascadeClassifier *>(cascade); }

int fb_network_onnx(const void *model, size_t len, void **net, char *msg, size_t size) {
    return guarded(msg, size, [&] { *net = ready(cv::dnn::readNetFromONNX(static_cast<const char *>(model), len)); });
}

int fb_network_caffe(const void *proto, size_t proto_len, const void *model, size_t len, void **net, char *msg, size_t size) {
    return guarded(msg, size, [&] {
        *net = ready(cv::dnn::readNetFromCaffe(static_cast<const char *>(proto), proto_len, static_cast<const char *>(model), len));
    });
}

int fb_network_forward(void *net, const void *picture, double scale, const double mean[3], const double std[3], int swap_rb,
                       const char *layer, void *out, char *msg, size_t size) {
    return guarded(msg, size, [&] {
        cv::dnn::Net &n = *static_cast<cv::dnn::Net *>(net);
        cv::Mat blob = cv::dnn::blobFromImage(mat(picture), scale, cv::Size(), cv::Scalar(mean[0], mean[1], mean[2]), swap_rb != 0);
        for (int c = 0; c < blob.size[1]; c++) {
            if (std[c] == 1)
                continue;
            cv::Mat plane(blob.size[2], blob.size[3], CV_32F, blob.ptr<float>(0, c));
            plane /= std[c];
        }
        n.setInput(blob);
        std::string name = layer;
        if (name.empty()) {
            const std::vector<cv::String> outs = n.getUnconnectedOutLayersNames();
            if (outs.size() != 1) {
                std::string all;
                for (const cv::String &o : outs)
                    all += " " + o;
                CV_Error(cv::Error::StsBadArg, "the network has several outputs, one must be named:" + all);
            }
            name = outs[0];
        }
        // A copy: the network writes the next output over this one.
        n.forward(name).copyTo(*static_cast<cv::Mat *>(out));
    });
}

void fb_network_free(void *net) { delete static_cast<cv::dnn::Net *>(net); }

int fb_orb(const void *gray, int count, double scale, int levels, int threshold, fb_keypoint **points, int *n, char *msg,
           size_t size) {
    return guarded(msg, size, [&] {
        cv::Ptr<cv::ORB> orb = cv::ORB::create(count, static_cast<float>(scale), levels, 31, 0, 2, cv::ORB::HARRIS_SCORE, 31, threshold);
        std::vector<cv::KeyPoint> found;
        cv::Mat descriptors;
        orb->detectAndCompute(mat(gray), cv::noArray(), found, descriptors);
        CV_Assert(found.empty() || (descriptors.rows == static_cast<int>(found.size()) && descriptors.cols == 32));
        *points = array<fb_keypoint>(found.size());
        *n = static_cast<int>(found.size());
        for (size_t i = 0; i < found.size(); i++) {
            fb_keypoint &p = (*points)[i];
            p.x = found[i].pt.x;
            p.y = found[i].pt.y;
            p.angle = found[i].angle;
            p.response = found[i].response;
            p.octave = found[i].octave;
            std::memcpy(p.descriptor, descriptors.ptr(static_cast<int>(i)), 32);
        }
    });
}

int fb_cells(const void *gray, int cols, int rows, int64_t *sums) {
    const cv::Mat &m = mat(gray);
    if (m.empty() || m.dims != 2 || m.type() != CV_8UC1)
        return 0;
    std::fill(sums, sums + cols * rows, 0);
    for (int j = 0; j < rows; j++) {
        const int top = static_cast<int>(int64_t(j) * m.rows / rows);
        const int bottom = std::max(top + 1, static_cast<int>(int64_t(j + 1) * m.rows / rows));
        for (int y = top; y < bottom; y++) {
            const uint8_t *row = m.ptr(y);
            for (int i = 0; i < cols; i++) {
                const int left = static_cast<int>(int64_t(i) * m.cols / cols);
                const int right = std::max(left + 1, static_cast<int>(int64_t(i + 1) * m.cols / cols));
                uint32_t sum = 0;  // of at most 2^24 pixels
                for (int x = left; x < right; x++)
                    sum += row[x];
                sums[j * cols + i] += sum;
            }
        }
    }
    return 1;
}

int fb_bins(const void *picture, const uint16_t *tables, int n, uint32_t *counts) {
    const cv::Mat &m = mat(picture);
    if (m.empty() || m.dims != 2 || m.type() != CV_8UC3)
        return 0;
    std::fill(counts, counts + n, 0);
    const uint16_t *a = tables, *b = tables + 256, *c = tables + 512;
    for (int y = 0; y < m.rows; y++) {
        const uint8_t *p = m.ptr(y), *end = p + 3 * m.cols;
        for (; p < end; p += 3)
            counts[a[p[0]] + b[p[1]] + c[p[2]]]++;
    }
    return 1;
}
