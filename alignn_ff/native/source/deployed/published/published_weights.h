// The weights of a published network in the order of its file, as the kernels read them.
#pragma once

#include <deque>
#include <stdexcept>
#include <vector>

#include "deployed/published/published_file.h"
#include "gated/gated_average.h"

namespace alignn {

template <class T>
class PublishedWeights {
 public:
  struct Embedding {  // SiLU(norm(x·matrix + bias))
    const T *matrix, *bias, *back;  // (from, to), (to,), (to, from)
    Norm<T> norm;
  };
  struct Convolution {
    NodeLayer<T> nodes;
    EdgeLayer<T> edges;
    const T* edges_back;
    Norm<T> node_norm, edge_norm;
  };

  const T *elements, *centers;  // (n_elements, width) embedded; (n_basis,)
  Embedding first, second;      // of bond lengths
  Table<T> states, gates;       // of the cosine of an angle
  std::vector<Convolution> bonds, angles;
  const T *readout, *readout_bias;  // (width,), (1,)

  PublishedWeights(const PublishedFile& file, const std::vector<T>& values)
      : width(file.width), eps(file.eps), next(values.data()) {
    elements = take(int64_t(file.symbols.size()) * width), centers = take(file.n_basis);
    first = embedding(file.n_basis, file.inner), second = embedding(file.inner, width);
    states = {file.states.low, file.states.step, file.states.n, take(file.states.n * 6 * width)};
    gates = {file.gates.low, file.gates.step, file.gates.n, take(file.gates.n * 6 * width)};
    for (int64_t layer = 0; layer < file.bond_layers; ++layer) bonds.push_back(convolution());
    for (int64_t layer = 0; layer < file.angle_layers; ++layer) angles.push_back(convolution());
    readout = take(width), readout_bias = take(1);
    if (next != values.data() + values.size())
      throw std::runtime_error("the model file has weights of another network than its header says");
  }

 private:
  const int64_t width;
  const double eps;
  const T* next;
  std::deque<std::vector<T>> transposed;

  const T* take(int64_t n) {
    const T* const begin = next;
    next += n;
    return begin;
  }

  const T* transpose(const T* matrix, int64_t rows, int64_t columns, int64_t n = 1) {
    std::vector<T>& made = transposed.emplace_back(n * rows * columns);
    for (int64_t k = 0; k < n; ++k)
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j)
          made[(k * columns + j) * rows + i] = matrix[(k * rows + i) * columns + j];
    return made.data();
  }

  Norm<T> norm(int64_t n) {
    const T* const weight = take(n);
    return {weight, take(n), eps};
  }

  Embedding embedding(int64_t from, int64_t to) {
    Embedding e{};
    e.matrix = take(from * to), e.bias = take(to), e.norm = norm(to), e.back = transpose(e.matrix, from, to);
    return e;
  }

  Convolution convolution() {
    Convolution c{};
    c.nodes.matrices = take(4 * width * width), c.nodes.bias = take(4 * width);
    c.nodes.back = transpose(c.nodes.matrices, width, width, 4);
    c.edges.matrix = take(width * width), c.edges.bias = take(width);
    c.edges_back = transpose(c.edges.matrix, width, width);
    c.node_norm = norm(width), c.edge_norm = norm(width);
    return c;
  }
};

}  // namespace alignn
