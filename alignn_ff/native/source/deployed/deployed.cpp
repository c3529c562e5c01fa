// A model file read and evaluated by the compiled kernels, for the proof of an export (export/lammps/file.py).
#include <cstdio>
#include <exception>

#include "deployed/evaluator.h"

// Returns DONE, or REFUSED with a sentence in `message`. `numbers` are atomic numbers; other arrays as in SmoothArguments.
extern "C" int64_t deployed_float64(const char* path, int64_t widened, int64_t n_atoms, int64_t n_local,
                                    const int64_t* numbers, int64_t n_edges, const int64_t* src, const int64_t* dst,
                                    const int32_t* shift, const double* vectors, int64_t threads, double* energies,
                                    double* gradient, char* message, int64_t length) {
  return alignn::guarded([&]() -> int64_t {
    try {
      alignn::Evaluator evaluator(path, widened != 0);
      alignn::EdgeList edges;
      for (int64_t e = 0; e < n_edges; ++e) edges.add(src[e], dst[e], shift + 3 * e, vectors + 3 * e);
      std::vector<int64_t> elements;
      for (int64_t i = 0; i < n_atoms; ++i) {
        const auto& known = evaluator.model.numbers;
        const auto found = std::find(known.begin(), known.end(), double(numbers[i]));
        if (found == known.end()) throw std::runtime_error("an element of the structure is not covered by this model");
        elements.push_back(found - known.begin());
      }
      evaluator.evaluate(elements, n_local, edges, threads);
      std::copy(evaluator.energies.begin(), evaluator.energies.end(), energies);
      std::copy(evaluator.gradient.begin(), evaluator.gradient.end(), gradient);
      return alignn::DONE;
    } catch (const std::runtime_error& error) {
      std::snprintf(message, size_t(length), "%s", error.what());
      return alignn::REFUSED;
    }
  });
}
