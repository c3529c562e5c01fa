// Which atoms are rows of the network, and its edges, from the atoms and ghosts of one process.
//
// Alone, a process maps ghosts to the atoms that they are images of: edges carry lattice translations. Beside others, ghosts
// are rows of their own, as many as the energies of the process's atoms depend on, layer by layer; those that only the
// first layers read come last, so that a network can leave them out of the later ones.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <unordered_map>
#include <vector>

#include "candidates.h"
#include "network.h"

namespace alignn {

// What LAMMPS holds of the atoms, in its order: its own first, then ghosts.
struct Atoms {
  const double* const* x;
  const int* type;
  const int64_t* tag;
  int n_own, n_all;
  const double *h, *h_inverse;  // the box: xx, yy, zz, yz, xz, xy
};

class Rows {
 public:
  std::vector<int64_t> elements;          // (n_rows,) element of each row
  std::vector<int> atom_of;               // (n_rows,) atom of each row, own atoms first
  EdgeList edges;
  std::vector<int> edge_from, edge_to;    // (n_edges,) atoms that the derivative of an edge acts on
  int64_t n_local = 0;                    // rows of own atoms
  bool periodic = false;                  // whether the box is, in any direction

  // The network and the element of each type; −1: atoms of this type are not in the network.
  void set(const Network& network, const std::vector<int>& element_of_type) {
    network_ = &network, elements_ = element_of_type;
  }

  // Search again; until the next search, the same atoms are rows.
  void search(const Atoms& atoms, bool with_ghosts, double skin) {
    ghosts = with_ghosts, n_own = atoms.n_own;
    candidates.find(atoms.x, ghosts ? atoms.n_all : atoms.n_own, atoms.n_all, network_->cutoff + skin);
    choose_rows(atoms, skin);
  }

  // Whether the last search was for these atoms.
  bool fits(const Atoms& atoms) const {
    return network_ != nullptr && size_t(atoms.n_all) == row_of.size() && atoms.n_own == n_own;
  }

  // Edges at the present positions.
  void connect(const Atoms& atoms) {
    edges.clear(), edge_from.clear(), edge_to.clear();
    for (int64_t row = 0; row < int64_t(atom_of.size()); ++row) {
      near.clear();
      const int to = atom_of[row];
      for (const int* j = candidates.begin(to); j != candidates.end(to); ++j)
        if (Candidates::square(atoms.x[to], atoms.x[*j]) < generous() * generous()) consider(atoms, to, *j);
      std::sort(near.begin(), near.end());
      for (const Near& e : near) {
        edges.add(e.row, row, e.shift, e.vector);
        edge_from.push_back(e.atom), edge_to.push_back(to);
      }
      if (ghosts) refuse_own_images(atoms, to);
      if (near.empty() && periodic && row < n_local && network_->needs_neighbors)
        throw std::runtime_error("an atom has no neighbours; the cutoff of this model would grow, which it does not do here");
    }
  }

  double bytes() const {
    return candidates.bytes() + double(edges.size()) * (2 * sizeof(int64_t) + 3 * sizeof(double) + 20);
  }

 private:
  struct Near {
    int64_t row;
    int32_t shift[3];
    double vector[3];
    int atom;
    bool operator<(const Near& other) const {
      return row != other.row ? row < other.row : std::lexicographical_compare(shift, shift + 3, other.shift, other.shift + 3);
    }
  };

  const Network* network_ = nullptr;
  std::vector<int> elements_;
  bool ghosts = false;
  int n_own = 0;
  Candidates candidates;
  std::vector<int64_t> row_of;  // (n_all,) −1: not a row; of a ghost that is mapped, the row of its atom
  std::vector<Near> near;

  double generous() const { return network_->cutoff * (1.0 + 1e-9); }

  void choose_rows(const Atoms& atoms, double skin) {
    row_of.assign(atoms.n_all, -1), elements.clear(), atom_of.clear();
    for (int i = 0; i < atoms.n_own; ++i) add_row(atoms, i);
    n_local = int64_t(elements.size());
    if (!ghosts) return map_to_atoms(atoms);
    std::vector<char> used(atoms.n_all, 0);
    for (int i = 0; i < atoms.n_own; ++i) used[i] = row_of[i] >= 0;
    for (const Walks& walks : network_->layers) {
      std::vector<char> wider = used;
      for (const std::vector<double>& walk : walks) {
        std::vector<char> reached = used;
        for (double length : walk) reached = grown(atoms, reached, length + skin), add_rows(atoms, reached);
        for (int i = 0; i < atoms.n_all; ++i) wider[i] = wider[i] || reached[i];
      }
      used = wider;
    }
  }

  void add_rows(const Atoms& atoms, const std::vector<char>& which) {
    for (int i = 0; i < atoms.n_all; ++i)
      if (which[i] && row_of[i] < 0) add_row(atoms, i);
  }

  void add_row(const Atoms& atoms, int i) {
    const int element = elements_[atoms.type[i]];
    if (element < 0) return;
    row_of[i] = int64_t(elements.size()), elements.push_back(element), atom_of.push_back(i);
  }

  std::vector<char> grown(const Atoms& atoms, const std::vector<char>& used, double distance) const {
    std::vector<char> wider = used;
    for (int i = 0; i < atoms.n_all; ++i)
      for (const int* j = used[i] ? candidates.begin(i) : candidates.end(i); j != candidates.end(i); ++j)
        if (Candidates::square(atoms.x[i], atoms.x[*j]) < distance * distance) wider[*j] = 1;
    return wider;
  }

  void map_to_atoms(const Atoms& atoms) {
    std::unordered_map<int64_t, int> own;
    for (int i = 0; i < atoms.n_own; ++i) own[atoms.tag[i]] = i;
    if (own.size() != size_t(atoms.n_own)) throw std::runtime_error("several atoms have the same id; reset the atom ids");
    for (int j = atoms.n_own; j < atoms.n_all; ++j) {
      const auto found = own.find(atoms.tag[j]);
      if (found == own.end()) throw std::runtime_error("a ghost atom belongs to no atom of this process");
      row_of[j] = row_of[found->second];
    }
  }

  void consider(const Atoms& atoms, int to, int j) {
    if (row_of[j] < 0) return;
    Near e{row_of[j], {0, 0, 0}, {0, 0, 0}, j};
    if (!ghosts) e.atom = atom_of[e.row];
    const double *x = atoms.x[to], *y = atoms.x[e.atom];
    double moved[3] = {0.0, 0.0, 0.0};
    if (!ghosts) translation(atoms, atoms.x[j], y, e.shift, moved);
    for (int k = 0; k < 3; ++k) e.vector[k] = (x[k] - y[k]) + moved[k];
    const double* const r = e.vector;
    if (std::sqrt(r[0] * r[0] + r[1] * r[1] + r[2] * r[2]) < network_->cutoff) near.push_back(e);
  }

  // As rows of their own, images of an atom have angles that the graph of the package leaves out in some models.
  void refuse_own_images(const Atoms& atoms, int to) const {
    const double limit = network_->own_image_limit;
    for (const Near& e : near)
      if (atoms.tag[e.atom] == atoms.tag[to] && Candidates::square(atoms.x[to], atoms.x[e.atom]) < limit * limit)
        throw std::runtime_error("the box is so thin that an atom has angles with its own images; replicate it");
  }

  // The whole numbers n and the vector n·cell = y − x_image, by which the edge image → to is shifted.
  static void translation(const Atoms& atoms, const double* image, const double* y, int32_t* n, double* moved) {
    const double *h = atoms.h, *i = atoms.h_inverse;
    const double s[3] = {y[0] - image[0], y[1] - image[1], y[2] - image[2]};
    n[0] = int32_t(std::lround(i[0] * s[0] + i[5] * s[1] + i[4] * s[2]));
    n[1] = int32_t(std::lround(i[1] * s[1] + i[3] * s[2]));
    n[2] = int32_t(std::lround(i[2] * s[2]));
    moved[0] = h[0] * n[0] + h[5] * n[1] + h[4] * n[2];
    moved[1] = h[1] * n[1] + h[3] * n[2];
    moved[2] = h[2] * n[2];
  }
};

}  // namespace alignn
