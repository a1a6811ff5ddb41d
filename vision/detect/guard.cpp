#include "guard.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <vector>
#include <opencv2/core.hpp>
#include <opencv2/dnn.hpp>
#include <opencv2/objdetect.hpp>

int wp_try_onnx(const void *data, size_t n, int side, char *err, size_t errlen) {
    try {
        cv::dnn::Net net = cv::dnn::readNetFromONNX(static_cast<const char *>(data), n);
        const int shape[] = {1, 3, side, side};
        cv::Mat blob(4, shape, CV_32F, cv::Scalar(0));
        net.setInput(blob);
        net.forward();
        return 0;
    } catch (const std::exception &e) {
        std::snprintf(err, errlen, "%s", e.what());
        return 1;
    }
}

void *wp_hog_new(void) {
    try {
        auto *hog = new cv::HOGDescriptor();
        hog->setSVMDetector(cv::HOGDescriptor::getDefaultPeopleDetector());
        return hog;
    } catch (const std::exception &) {
        return nullptr;
    }
}

int wp_hog_find(void *hog, const void *bgr, int w, int h, double hit, double shrink, double group, float *found, int max) {
    try {
        const cv::Mat picture(h, w, CV_8UC3, const_cast<void *>(bgr));
        std::vector<cv::Rect> rects;
        std::vector<double> weights;
        static_cast<cv::HOGDescriptor *>(hog)->detectMultiScale(picture, rects, weights, hit, cv::Size(8, 8), cv::Size(0, 0), shrink, group);
        int n = 0;
        for (size_t i = 0; i < rects.size() && i < weights.size() && n < max; i++, n++) {
            const float row[] = {float(rects[i].x), float(rects[i].y), float(rects[i].width), float(rects[i].height), float(weights[i])};
            std::copy(row, row + 5, found + 5 * n);
        }
        return n;
    } catch (const std::exception &) {
        return -1;
    }
}

void wp_hog_free(void *hog) { delete static_cast<cv::HOGDescriptor *>(hog); }

void wp_one_thread(void) { cv::setNumThreads(1); }
