// Energy, forces and stress of a silicon crystal from C++, with a file of `alignn-ff export --to torchscript`.
//
//     TORCH=$(python -c "import torch; print(torch.__path__[0])")
//     g++ -std=c++17 -O2 host.cpp -I$TORCH/include -I$TORCH/include/torch/csrc/api/include -L$TORCH/lib -ltorch -ltorch_cpu \
//         -lc10 -Wl,-rpath,$TORCH/lib -o host
//     ./host si.pt 5.0
//
// The second argument is the cutoff in Å: the recipe in the file's entry alignn_ff.json has it.
#include <torch/script.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

struct Edges {
  std::vector<int64_t> src, dst;
  std::vector<double> shift;
};

// All pairs below the cutoff, both directions, with the images of a cell that is at least 1 Å high.
static Edges edges_below(const std::vector<double>& x, const double cell[3][3], double cutoff) {
  const int n = int(x.size() / 3), most = int(std::ceil(cutoff)) + 1;
  Edges edges;
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j)
      for (int a = -most; a <= most; ++a)
        for (int b = -most; b <= most; ++b)
          for (int c = -most; c <= most; ++c) {
            double square = 0.0;
            for (int k = 0; k < 3; ++k) {
              const double r = x[3 * j + k] + a * cell[0][k] + b * cell[1][k] + c * cell[2][k] - x[3 * i + k];
              square += r * r;
            }
            if (square == 0.0 || square >= cutoff * cutoff) continue;
            edges.src.push_back(i), edges.dst.push_back(j);
            for (int t : {a, b, c}) edges.shift.push_back(t);
          }
  return edges;
}

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: host FILE CUTOFF\n"), 2;
  const double cell[3][3] = {{0.0, 2.715, 2.715}, {2.715, 0.0, 2.715}, {2.715, 2.715, 0.0}};
  std::vector<double> x = {0.0, 0.0, 0.0, 1.4575, 1.3575, 1.3075};  // the second atom is out of its place
  std::vector<int64_t> numbers = {14, 14};
  Edges e = edges_below(x, cell, std::atof(argv[2]));
  const int64_t n = 2, m = int64_t(e.src.size());

  torch::jit::Module model = torch::jit::load(argv[1]);
  auto real = torch::TensorOptions().dtype(torch::kFloat64), whole = torch::TensorOptions().dtype(torch::kInt64);
  auto lattice = torch::from_blob(const_cast<double*>(&cell[0][0]), {3, 3}, real);
  auto result = model
                    .get_method("forward_tensors_z")({torch::from_blob(x.data(), {n, 3}, real), lattice,
                                                      torch::from_blob(numbers.data(), {n}, whole),
                                                      torch::from_blob(e.src.data(), {m}, whole),
                                                      torch::from_blob(e.dst.data(), {m}, whole),
                                                      torch::from_blob(e.shift.data(), {m, 3}, real), true})
                    .toGenericDict();
  auto forces = result.at("forces").toTensor(), stress = result.at("stress").toTensor();
  std::printf("energy %.10f\n", result.at("energy").toTensor().item<double>());
  for (int i = 0; i < n; ++i)
    std::printf("force %.10f %.10f %.10f\n", forces[i][0].item<double>(), forces[i][1].item<double>(),
                forces[i][2].item<double>());
  for (int i = 0; i < 3; ++i)
    std::printf("stress %.10f %.10f %.10f\n", stress[i][0].item<double>(), stress[i][1].item<double>(),
                stress[i][2].item<double>());
}
