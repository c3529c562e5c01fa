#include "smooth_network.h"

extern "C" int64_t smooth_float64(const alignn::SmoothArguments* a) { return alignn::evaluate_smooth<double>(*a); }
extern "C" int64_t smooth_weights_float64(const alignn::SmoothArguments* a) {
  return alignn::count_smooth_weights<double>(*a);
}
