#include "smooth_network.h"

extern "C" int64_t smooth_float32(const alignn::SmoothArguments* a) { return alignn::evaluate_smooth<float>(*a); }
extern "C" int64_t smooth_weights_float32(const alignn::SmoothArguments* a) {
  return alignn::count_smooth_weights<float>(*a);
}
