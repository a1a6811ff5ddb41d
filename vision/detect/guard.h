#pragma once
#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif
// Reads an ONNX model with OpenCV and runs it once on an empty picture.
// Returns 0, or 1 with the reason in err.
int wp_try_onnx(const void *data, size_t n, int side, char *err, size_t errlen);
// OpenCV's HOG people detector. find looks at a BGR picture of w by h pixels
// (bytes, without gaps) and writes at most max found windows as
// x, y, width, height, weight; it returns how many, or -1.
void *wp_hog_new(void);
int wp_hog_find(void *hog, const void *bgr, int w, int h, double hit, double shrink, double group, float *found, int max);
void wp_hog_free(void *hog);
// Keeps OpenCV on the caller's thread.
void wp_one_thread(void);
#ifdef __cplusplus
}
#endif
