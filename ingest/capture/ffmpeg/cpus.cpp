#include "film.h"

#include <opencv2/core/utility.hpp>

int fb_cpus(void) { return cv::getNumberOfCPUs(); }
