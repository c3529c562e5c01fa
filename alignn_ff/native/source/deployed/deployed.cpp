// A model file read and evaluated by the compiled kernels, for the proof of an export (export/lammps/file.py).
#include <cstdio>
#include <exception>

#include "deployed/evaluator.h"
#include "deployed/published/published_evaluator.h"

namespace alignn {

struct Structure {
  std::vector<int64_t> numbers;  // atomic numbers
  int64_t n_local;
  EdgeList edges;
};

template <class Evaluator>
void evaluate(Evaluator&& evaluator, const Structure& s, int64_t threads, double* energies, double* gradient) {
  std::vector<int64_t> elements;
  for (const int64_t number : s.numbers) {
    const auto& known = evaluator.model.numbers;
    const auto found = std::find(known.begin(), known.end(), double(number));
    if (found == known.end()) throw std::runtime_error("an element of the structure is not covered by this model");
    elements.push_back(found - known.begin());
  }
  evaluator.evaluate(elements, s.n_local, s.edges, threads);
  std::copy(evaluator.energies.begin(), evaluator.energies.end(), energies);
  std::copy(evaluator.gradient.begin(), evaluator.gradient.end(), gradient);
}

}  // namespace alignn

// Returns DONE, or REFUSED with a sentence in `message`. `numbers` are atomic numbers; other arrays as in SmoothArguments.
extern "C" int64_t deployed_float64(const char* path, int64_t widened, int64_t n_atoms, int64_t n_local,
                                    const int64_t* numbers, int64_t n_edges, const int64_t* src, const int64_t* dst,
                                    const int32_t* shift, const double* vectors, int64_t threads, double* energies,
                                    double* gradient, char* message, int64_t length) {
  return alignn::guarded([&]() -> int64_t {
    try {
      alignn::Structure s{{numbers, numbers + n_atoms}, n_local, {}};
      for (int64_t e = 0; e < n_edges; ++e) s.edges.add(src[e], dst[e], shift + 3 * e, vectors + 3 * e);
      alignn::FileContent content(path);
      if (content.is_published())
        alignn::evaluate(alignn::PublishedEvaluator(std::move(content), widened != 0), s, threads, energies, gradient);
      else
        alignn::evaluate(alignn::Evaluator(std::move(content), widened != 0), s, threads, energies, gradient);
      return alignn::DONE;
    } catch (const std::runtime_error& error) {
      std::snprintf(message, size_t(length), "%s", error.what());
      return alignn::REFUSED;
    }
  });
}
