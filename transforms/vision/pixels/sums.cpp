#include "clones.h"
#include "opencv.h"

#include <algorithm>

#include <opencv2/core.hpp>

namespace {

// As many columns as 32-bit sums hold: 512 squares of at most 1020.
const int kColumns = 512;

// row adds one row's columns [from, to), none of which lies at an edge. Plain
// enough for the compiler to vectorise, also for the wider registers that most
// machines have: integers add up to the same with any.
FB_CLONES
void row(const uint8_t *up, const uint8_t *mid, const uint8_t *down, int from, int to, int64_t sums[4]) {
    int32_t sum = 0, squares = 0, lap = 0, lap_squares = 0;
    for (int x = from; x < to; x++) {
        const int16_t c = mid[x];
        const int16_t l = static_cast<int16_t>(up[x] + down[x] + mid[x - 1] + mid[x + 1] - 4 * c);
        sum += c;
        squares += static_cast<int32_t>(c) * c;
        lap += l;
        lap_squares += static_cast<int32_t>(l) * l;
    }
    sums[0] += sum;
    sums[1] += squares;
    sums[2] += lap;
    sums[3] += lap_squares;
}

void edge(const uint8_t *up, const uint8_t *mid, const uint8_t *down, int x, int cols, int64_t sums[4]) {
    const int left = x > 0 ? x - 1 : std::min(1, cols - 1);
    const int right = x < cols - 1 ? x + 1 : std::max(cols - 2, 0);
    const int64_t c = mid[x], l = up[x] + down[x] + mid[left] + mid[right] - 4 * c;
    sums[0] += c;
    sums[1] += c * c;
    sums[2] += l;
    sums[3] += l * l;
}

}  // namespace

int fb_sums(const void *gray, int64_t sums[4]) {
    const cv::Mat &m = *static_cast<const cv::Mat *>(gray);
    std::fill(sums, sums + 4, 0);
    if (m.empty() || m.dims != 2 || m.type() != CV_8UC1)
        return 0;
    for (int y = 0; y < m.rows; y++) {
        // Outside the picture it is mirrored without repeating the edge, OpenCV's default.
        const uint8_t *up = m.ptr(y > 0 ? y - 1 : std::min(1, m.rows - 1));
        const uint8_t *down = m.ptr(y < m.rows - 1 ? y + 1 : std::max(m.rows - 2, 0));
        const uint8_t *mid = m.ptr(y);
        for (int x = 1; x < m.cols - 1; x += kColumns)
            row(up, mid, down, x, std::min(x + kColumns, m.cols - 1), sums);
        edge(up, mid, down, 0, m.cols, sums);
        if (m.cols > 1)
            edge(up, mid, down, m.cols - 1, m.cols, sums);
    }
    return 1;
}
