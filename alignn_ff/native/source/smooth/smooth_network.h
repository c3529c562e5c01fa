// The strictly smooth model for one dtype, as it is exported.
#pragma once

#include "guarded.h"
#include "smooth_backward.h"
#include "smooth_forward.h"

namespace alignn {

// Refuses a graph in which an edge has no reverse.
template <class T>
int64_t evaluate_smooth(const SmoothArguments& arguments) {
  return guarded([&]() -> int64_t {
    const Graph graph(arguments);
    if (!graph.symmetric) return REFUSED;
    Smooth<T>(arguments, graph).run();
    return DONE;
  });
}

// How many packed weights the kernel reads; only the sizes among the arguments count. Less than 0: a failure.
template <class T>
int64_t count_smooth_weights(const SmoothArguments& arguments) {
  int64_t count = 0;
  const int64_t status = guarded([&] { count = Weights<T>(arguments).count; });
  return status == DONE ? count : -status;
}

}  // namespace alignn
