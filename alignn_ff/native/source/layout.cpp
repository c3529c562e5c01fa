// Sizes and constants that Python mirrors, by name (native/arguments.py): compared when the library is loaded.
#include <cstring>

#include "gated/gated_blocks.h"
#include "guarded.h"
#include "smooth/smooth.h"
#include "smooth/smooth_harmonics.h"

namespace alignn {

struct Entry {
  const char* name;
  double value;
};

constexpr Entry LAYOUT[] = {
    {"SmoothArguments", sizeof(SmoothArguments)},
    {"AverageArguments", sizeof(AverageArguments<float>)},
    {"LowerArguments", sizeof(LowerLayer<float>)},
    {"NodeLayerArguments", sizeof(NodeLayer<float>)},
    {"EdgeLayerArguments", sizeof(EdgeLayer<float>)},
    {"NormArguments", sizeof(Norm<float>)},
    {"TableArguments", sizeof(Table<float>)},
    {"CHANNELS", CHANNELS},
    {"WIDEST", WIDEST},
    {"MOST_HARMONICS", MOST_HARMONICS},
    {"VANISHING", VANISHING},
    {"DONE", DONE},
    {"NO_MEMORY", NO_MEMORY},
    {"FAILED", FAILED},
    {"REFUSED", REFUSED},
};

static_assert(sizeof(AverageArguments<float>) == sizeof(AverageArguments<double>), "one mirror serves both");
static_assert(sizeof(Norm<float>) == sizeof(Norm<double>), "one mirror serves both");

}  // namespace alignn

// NaN for a name that is not in the table.
extern "C" double alignn_layout(const char* name) {
  for (const alignn::Entry& entry : alignn::LAYOUT)
    if (std::strcmp(entry.name, name) == 0) return entry.value;
  return std::nan("");
}
