// Functions of the vector of each bond that the layers of a smooth model read, with first and second derivatives:
// Bessel functions of its length, its envelope w, angular functions R of its direction, and w·R (nn/bond_basis.py).
// All in float64; results are handed over in T. Second derivatives are first ones of numbers with a derivative.
#include "buffer.h"
#include "dual.h"
#include "guarded.h"
#include "smooth/smooth_harmonics.h"

namespace alignn {

using Bonds = Wide<double, VECTOR_BYTES>::type;  // one number of several bonds
constexpr int BONDS = Vector<double>::lanes;
constexpr double PI = 3.14159265358979323846;

struct BasisSizes {
  int64_t n_edges, n_radial, n_columns, exponent;
  double cutoff;
  int threads;
};

template <class T>
struct BasisRows {  // (n_edges, n_radial), (n_edges, 1), (n_edges, n_columns) twice: functions, or derivatives in them
  T *radial, *weight, *along, *weighted;
};

// The same of several bonds at once, in memory of a thread.
template <class N>
struct BasisValues {
  Buffer<N> memory;
  N *radial, *weight, *along, *weighted;
  explicit BasisValues(const BasisSizes& b) : memory(b.n_radial + 1 + 2 * b.n_columns) {
    radial = memory.get(), weight = radial + b.n_radial, along = weight + 1, weighted = along + b.n_columns;
  }
};

template <class N>
struct Bond {  // length, direction
  N length, u[3];
  explicit Bond(const N* r) : length(square_root(r[0] * r[0] + r[1] * r[1] + r[2] * r[2])) {
    for (int x = 0; x < 3; ++x) u[x] = r[x] / length;
  }
};

// u(x) = 1 − (p+1)(p+2)/2·x^p + p(p+2)·x^(p+1) − p(p+1)/2·x^(p+2) with x = length/cutoff, and du/dlength; zero outside.
template <class N>
void envelope(const BasisSizes& b, const N& length, N& value, N& slope) {
  const double p = double(b.exponent), A = 0.5 * (p + 1.0) * (p + 2.0), B = p * (p + 2.0), C = 0.5 * p * (p + 1.0);
  const N x = length * (1.0 / b.cutoff);
  N power = x;
  for (int64_t k = 2; k < b.exponent; ++k) power = power * x;
  value = where_below<>(x, 1.0, power * x * (x * (B - C * x) - A) + 1.0);
  slope = where_below<>(x, 1.0, power * (x * ((p + 1.0) * B - (p + 2.0) * C * x) - p * A) * (1.0 / b.cutoff));
}

template <class N>
void functions(const BasisSizes& b, const N* r, BasisValues<N>& out) {
  const Bond<N> bond(r);
  N before{}, now, cosine, slope;
  sine_cosine(bond.length * (PI / b.cutoff), now, cosine);
  const N twice = cosine * 2.0, scale = N{} + std::sqrt(2.0 * b.cutoff);
  const N factor = scale / bond.length;
  for (int64_t k = 0; k < b.n_radial; ++k) {
    out.radial[k] = factor * now;
    const N next = twice * now - before;
    before = now, now = next;
  }
  envelope(b, bond.length, *out.weight, slope);
  if (b.n_columns) solid_harmonics(bond.u, b.n_columns, out.along);
  for (int64_t s = 0; s < b.n_columns; ++s) out.weighted[s] = *out.weight * out.along[s];
}

// ∂(Σ c·functions)/∂r of numbers c without a derivative.
template <class N>
void pull_back(const BasisSizes& b, const N* r, const BasisValues<Bonds>& c, N* slope) {
  const Bond<N> bond(r);
  N s0{}, s1, c0 = N{} + 1.0, c1, sum{}, rest{}, weight, bend;
  sine_cosine(bond.length * (PI / b.cutoff), s1, c1);
  const N twice = c1 * 2.0;
  for (int64_t k = 0; k < b.n_radial; ++k) {
    sum += c1 * (c.radial[k] * (double(k + 1) * PI / b.cutoff));
    rest += s1 * c.radial[k];
    const N s2 = twice * s1 - s0, c2 = twice * c1 - c0;
    s0 = s1, c0 = c1, s1 = s2, c1 = c2;
  }
  N along_length = (sum - rest / bond.length) * std::sqrt(2.0 * b.cutoff) / bond.length;
  envelope(b, bond.length, weight, bend);
  N along[MOST_HARMONICS] = {}, given[MOST_HARMONICS] = {}, turn[3] = {}, through_weight = N{} + *c.weight;
  if (b.n_columns) {
    solid_harmonics(bond.u, b.n_columns, along);
    for (int64_t s = 0; s < b.n_columns; ++s) {
      through_weight += along[s] * c.weighted[s];
      given[s] = weight * c.weighted[s] + c.along[s];
    }
    solid_harmonics_slope(bond.u, b.n_columns, given, turn);
  }
  along_length += through_weight * bend;
  const N radially = turn[0] * bond.u[0] + turn[1] * bond.u[1] + turn[2] * bond.u[2];
  for (int x = 0; x < 3; ++x) slope[x] = bond.u[x] * along_length + (turn[x] - bond.u[x] * radially) / bond.length;
}

// Rows of `count` bonds side by side; lanes without a bond repeat the first one.
template <class T>
void take(const T* rows, int64_t width, int count, Bonds* out) {
  for (int64_t k = 0; k < width; ++k)
    for (int l = 0; l < BONDS; ++l) out[k][l] = double(rows[(l < count ? l : 0) * width + k]);
}

template <class T>
void give(const Bonds* values, int64_t width, int count, T* rows) {
  for (int l = 0; l < count; ++l)
    for (int64_t k = 0; k < width; ++k) rows[l * width + k] = T(values[k][l]);
}

template <class T>
void take(const BasisSizes& b, const BasisRows<const T>& rows, int64_t e, int count, BasisValues<Bonds>& out) {
  take(rows.radial + e * b.n_radial, b.n_radial, count, out.radial);
  take(rows.weight + e, 1, count, out.weight);
  take(rows.along + e * b.n_columns, b.n_columns, count, out.along);
  take(rows.weighted + e * b.n_columns, b.n_columns, count, out.weighted);
}

template <class T>
void give(const BasisSizes& b, const BasisValues<Bonds>& values, int64_t e, int count, const BasisRows<T>& rows) {
  give(values.radial, b.n_radial, count, rows.radial + e * b.n_radial);
  give(values.weight, 1, count, rows.weight + e);
  give(values.along, b.n_columns, count, rows.along + e * b.n_columns);
  give(values.weighted, b.n_columns, count, rows.weighted + e * b.n_columns);
}

// Calls work(first bond, number of bonds, their vectors) block by block; `make` prepares the memory of a thread.
template <class Make, class Work>
void each_block(const BasisSizes& b, const double* r, Make make, Work work) {
  Caught caught;
#pragma omp parallel num_threads(b.threads)
  caught.run([&] {
    auto memory = make();
    Bonds vectors[3] = {};
#pragma omp for schedule(static) nowait
    for (int64_t e = 0; e < b.n_edges; e += BONDS) {
      const int count = b.n_edges - e < BONDS ? int(b.n_edges - e) : BONDS;
      take(r + e * 3, 3, count, vectors);
      work(e, count, vectors, memory);
    }
  });
  caught.rethrow();
}

template <class T>
void bond_basis(const BasisSizes& b, const double* r, const BasisRows<T>& out) {
  each_block(b, r, [&] { return BasisValues<Bonds>(b); },
             [&](int64_t e, int count, const Bonds* vectors, BasisValues<Bonds>& values) {
               functions(b, vectors, values);
               give(b, values, e, count, out);
             });
}

template <class T>
void bond_basis_first(const BasisSizes& b, const double* r, const BasisRows<const T>& c, double* d_r) {
  each_block(b, r, [&] { return BasisValues<Bonds>(b); },
             [&](int64_t e, int count, const Bonds* vectors, BasisValues<Bonds>& given) {
               Bonds slope[3];
               take(b, c, e, count, given);
               pull_back(b, vectors, given, slope);
               give(slope, 3, count, d_r + e * 3);
             });
}

struct SecondMemory {
  BasisValues<Bonds> given, found;
  BasisValues<Dual<Bonds>> moved;
};

// Derivatives of Σ u·first in c and in r, along u.
template <class T>
void bond_basis_second(const BasisSizes& b, const double* r, const BasisRows<const T>& c, const double* u,
                       const BasisRows<T>& d_c, double* d_r) {
  each_block(b, r, [&] { return SecondMemory{BasisValues<Bonds>(b), BasisValues<Bonds>(b), BasisValues<Dual<Bonds>>(b)}; },
             [&](int64_t e, int count, const Bonds* vectors, SecondMemory& m) {
               Bonds along[3] = {}, bend[3];
               Dual<Bonds> moving[3], slope[3];
               take(u + e * 3, 3, count, along);
               for (int x = 0; x < 3; ++x) moving[x] = {vectors[x], along[x]};
               functions(b, moving, m.moved);
               for (int64_t k = 0; k < b.n_radial + 1 + 2 * b.n_columns; ++k) m.found.radial[k] = m.moved.radial[k].d;
               give(b, m.found, e, count, d_c);
               take(b, c, e, count, m.given);
               pull_back(b, moving, m.given, slope);
               for (int x = 0; x < 3; ++x) bend[x] = slope[x].d;
               give(bend, 3, count, d_r + e * 3);
             });
}

}  // namespace alignn

#define SIZES int64_t n_edges, int64_t n_radial, int64_t n_columns, int64_t exponent, double cutoff, int64_t threads
#define RUN(CALL)                                                                                                  \
  const alignn::BasisSizes b{n_edges, n_radial, n_columns, exponent, cutoff, int(threads)};                        \
  if (n_columns > alignn::MOST_HARMONICS) return alignn::REFUSED;                                                  \
  return alignn::guarded([&] { alignn::CALL; })
#define EXPORT(T, suffix)                                                                                          \
  extern "C" int64_t bond_basis_##suffix(SIZES, const double* r, T* radial, T* w, T* R, T* wR) {                   \
    RUN(bond_basis<T>(b, r, {radial, w, R, wR}));                                                                  \
  }                                                                                                                \
  extern "C" int64_t bond_basis_first_##suffix(SIZES, const double* r, const T* radial, const T* w, const T* R,    \
                                               const T* wR, double* dr) {                                          \
    RUN(bond_basis_first<T>(b, r, {radial, w, R, wR}, dr));                                                        \
  }                                                                                                                \
  extern "C" int64_t bond_basis_second_##suffix(SIZES, const double* r, const T* radial, const T* w, const T* R,   \
                                                const T* wR, const double* u, T* d_radial, T* dw, T* dR, T* dwR,   \
                                                double* dr) {                                                      \
    RUN(bond_basis_second<T>(b, r, {radial, w, R, wR}, u, {d_radial, dw, dR, dwR}, dr));                           \
  }
EXPORT(float, float32)
EXPORT(double, float64)
