#include "smooth_network.h"

extern "C" int64_t smooth_float64(const alignn::SmoothArguments* a) { return alignn::evaluate_smooth<double>(*a); }
