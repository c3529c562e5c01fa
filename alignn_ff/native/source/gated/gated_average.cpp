// The gated average of the published families (execution/published/contract.py), forwards and backwards.
#include "gated_average.h"

#include "gated_backward.h"
#include "gated_forward.h"
#include "guarded.h"

namespace alignn {

template <class T, class W>
void run(const AverageArguments<T>& a) {
  if (a.d_nodes)
    Backward<T, W>(a).run();
  else
    Forward<T, W>(a).run();
}

template <class T>
int64_t gated_average(const AverageArguments<T>& a) {
  if (a.width > WIDEST || a.width % CHANNELS != 0) return REFUSED;
  switch (a.width) {
    case 64: run<T, Channels<64>>(a); break;
    case 128: run<T, Channels<128>>(a); break;
    default: run<T, Channels<0>>(a);
  }
  return DONE;
}

}  // namespace alignn

extern "C" int64_t gated_average_float32(const alignn::AverageArguments<float>* a) {
  return alignn::guarded([=] { return alignn::gated_average(*a); });
}
extern "C" int64_t gated_average_float64(const alignn::AverageArguments<double>* a) {
  return alignn::guarded([=] { return alignn::gated_average(*a); });
}
