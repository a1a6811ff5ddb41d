#pragma once
#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif
// Reads an ONNX model with OpenCV and runs it once on an empty picture.
// Returns 0, or 1 with the reason in err.
int wp_try_onnx(const void *data, size_t n, int side, char *err, size_t errlen);
// Keeps OpenCV on the caller's thread.
void wp_one_thread(void);
#ifdef __cplusplus
}
#endif
