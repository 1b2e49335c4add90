#include "rows.h"
#include "survey.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include <opencv2/core.hpp>

namespace {

// As many columns as 32-bit sums of two products hold: quarter levels are at most 1020.
const int kColumns = 512;

// quarters makes quarters of gray levels of sums over area pixels.
FB_CLONES
void quarters(const uint32_t *sums, int32_t *v, int n, uint32_t area) {
    if (area == 1) {
        for (int x = 0; x < n; x++)
            v[x] = static_cast<int32_t>(sums[x] << 2);
    } else if (area <= 2048) {
        // Rounded up, the reciprocal gives the exact quotient: the error is below
        // 1020 * area * area / 2^32.
        const uint64_t reciprocal = ((uint64_t(1) << 32) + area - 1) / area;
        for (int x = 0; x < n; x++)
            v[x] = static_cast<int32_t>((static_cast<uint64_t>(sums[x] << 2) * reciprocal) >> 32);
    } else {
        for (int x = 0; x < n; x++)
            v[x] = static_cast<int32_t>((static_cast<uint64_t>(sums[x]) << 2) / area);
    }
}

// gather adds a row to those above it in the same cells.
FB_CLONES
void gather(const uint32_t *v, uint32_t *sums, uint32_t *digests, int n) {
    for (int x = 0; x < n; x++) {
        sums[x] += v[x];
        digests[x] = digests[x] * 0x01000193u + v[x];
    }
}

FB_CLONES
void widen(const uint8_t *p, uint32_t *v, int n) {
    for (int x = 0; x < n; x++)
        v[x] = p[x];
}

FB_CLONES
void pairs(const uint32_t *whole, uint32_t *sums, int n) {
    for (int x = 0; x < n; x++)
        sums[x] = whole[2 * x] + whole[2 * x + 1];
}

// slopes adds up products of slopes that have no pixel in common, and squares,
// for the columns [from, to) of the row v, of which w[to] is still there.
FB_CLONES
void slopes(const int32_t *up, const int32_t *v, int from, int to, int64_t *detail, int64_t *squares) {
    int32_t d = 0, s = 0;
    for (int x = from; x < to; x++) {
        const int32_t right_up = up[x + 1] - up[x], right = v[x + 1] - v[x];
        const int32_t down = v[x] - up[x], down_right = v[x + 1] - up[x + 1];
        d += right_up * right + down * down_right;
        s += right * right + down * down;
    }
    *detail += d;
    *squares += s;
}

// products adds up products of two rows and their squares.
FB_CLONES
void products(const int16_t *a, const int16_t *b, int n, int64_t sums[3]) {
    int32_t ab = 0, aa = 0, bb = 0;
    for (int x = 0; x < n; x++) {
        ab += static_cast<int32_t>(a[x]) * b[x];
        aa += static_cast<int32_t>(a[x]) * a[x];
        bb += static_cast<int32_t>(b[x]) * b[x];
    }
    sums[0] += ab;
    sums[1] += aa;
    sums[2] += bb;
}

}  // namespace

void fb_correlate(const int16_t *a, const int16_t *b, int columns, int rows, int range_x, int range_y, int64_t *sums) {
    for (int dy = -range_y; dy <= range_y; dy++) {
        for (int dx = -range_x; dx <= range_x; dx++, sums += 3) {
            const int from = std::max(0, -dx), n = columns - std::abs(dx);
            for (int y = std::max(0, -dy); y < std::min(rows, rows - dy); y++)
                products(&a[y * columns + from], &b[(y + dy) * columns + from + dx], n, sums);
        }
    }
}

int fb_survey(const void *gray, int step, int columns, int rows, int blocks_x, int blocks_y, int64_t histogram[256],
              int64_t *cells, uint32_t *digests, int64_t *detail, int64_t *squares) {
    const cv::Mat &m = *static_cast<const cv::Mat *>(gray);
    if (m.empty() || m.dims != 2 || m.type() != CV_8UC1 || step < 1)
        return 0;
    const int width = m.cols / step, height = m.rows / step;
    if (width < std::max(columns, 1) || height < std::max(rows, 1))
        return 0;
    const uint32_t area = static_cast<uint32_t>(step) * step;
    std::vector<uint32_t> whole(static_cast<size_t>(width) * step), sums(width), below(width), digest(width);
    std::vector<uint32_t> counts(2 * 256);
    std::vector<int32_t> up(width), now(width);
    int row = 0, block_y = 0;
    for (int y = 0; y < height; y++) {
        if (step == 1) {
            widen(m.ptr(y), sums.data(), width);
        } else {
            std::fill(whole.begin(), whole.end(), 0);
            for (int i = 0; i < step; i++)
                add_row(m.ptr(y * step + i), whole.data(), width * step);
            if (step == 2)
                pairs(whole.data(), sums.data(), width);
            else
                for (int x = 0; x < width; x++) {
                    uint32_t s = 0;
                    for (int i = 0; i < step; i++)
                        s += whole[static_cast<size_t>(x) * step + i];
                    sums[x] = s;
                }
        }
        std::swap(up, now);
        quarters(sums.data(), now.data(), width, area);
        for (int x = 0; x < width; x++)
            counts[(x & 1) << 8 | now[x] >> 2]++;
        if (columns == 0 || rows == 0)
            continue;

        bool ended = false;
        gather(sums.data(), below.data(), digest.data(), width);
        if (y + 1 == (row + 1) * static_cast<int64_t>(height) / rows) {  // the last of its cells
            for (int c = 0; c < columns; c++) {
                const int from = static_cast<int>(c * static_cast<int64_t>(width) / columns);
                const int to = static_cast<int>((c + 1) * static_cast<int64_t>(width) / columns);
                int64_t sum = 0;
                uint32_t d = 0;
                for (int x = from; x < to; x++) {
                    sum += below[x];
                    d += digest[x] * ((2u * (x - from) + 1) * 0x9e3779b1u);
                }
                cells[row * columns + c] = sum;
                digests[row * columns + c] = d;
            }
            std::fill(below.begin(), below.end(), 0);
            std::fill(digest.begin(), digest.end(), 0);
            ended = true;
        }
        const int at = row;
        row += ended;
        if (y == 0)
            continue;
        while (block_y + 1 < blocks_y && (block_y + 1) * rows / blocks_y <= at)
            block_y++;
        for (int b = 0; b < blocks_x; b++) {
            const int64_t from = b * columns / blocks_x, to = (b + 1) * columns / blocks_x;
            const int end = std::min(static_cast<int>(to * width / columns), width - 1);
            int64_t *d = &detail[block_y * blocks_x + b], *s = &squares[block_y * blocks_x + b];
            for (int x = static_cast<int>(from * width / columns); x < end; x += kColumns)
                slopes(up.data(), now.data(), x, std::min(x + kColumns, end), d, s);
        }
    }
    for (int v = 0; v < 256; v++)
        histogram[v] = static_cast<int64_t>(counts[v]) + counts[256 + v];
    return 1;
}
