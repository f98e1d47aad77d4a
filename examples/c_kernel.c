/* y (rows, columns) += one channel of x (height, width) convolved with one kernel w. */
void convolve_plane(const float *x, long width, const float *w, long kernel_h, long kernel_w,
                    long stride_h, long stride_w, float *y, long rows, long columns) {
  for (long p = 0; p < rows; p++)
    for (long r = 0; r < kernel_h; r++)
      for (long s = 0; s < kernel_w; s++) {
        const float *from = x + (p * stride_h + r) * width + s;
        float factor = w[r * kernel_w + s];
        for (long q = 0; q < columns; q++) y[p * columns + q] += factor * from[q * stride_w];
      }
}
