// The work of the pair styles: what LAMMPS asks of a pair style, and the refusal of what would give wrong numbers.
#include "pair_alignn.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "lammps/atom.h"
#include "lammps/comm.h"
#include "lammps/domain.h"
#include "lammps/error.h"
#include "lammps/force.h"
#include "lammps/memory.h"
#include "lammps/neighbor.h"
#include "lammps/platform.h"
#include "lammps/update.h"

using namespace LAMMPS_NS;

PairAlignn::PairAlignn(LAMMPS* lmp) : Pair(lmp) {
  one_coeff = 1, manybody_flag = 1;
  single_enable = 0, restartinfo = 0;
  no_virial_fdotr_compute = 1;  // the virial is that of the edges
  centroidstressflag = CENTROID_NOTAVAIL;
  nextra = 3;  // what `compute pair` gives: rows that all layers evaluated together, rows times layers, seconds of the network
  pvector = new double[nextra]{};
}

PairAlignn::~PairAlignn() {
  delete[] pvector;
  if (!allocated) return;
  memory->destroy(setflag);
  memory->destroy(cutsq);
}

void PairAlignn::settings(int n_words, char** words) {
  ghosts_wanted = false;
  for (int k = 0; k < n_words; ++k) {
    if (std::strcmp(words[k], "ghosts") != 0)
      error->all(FLERR, "{} has the keyword ghosts only, not {}", style, words[k]);
    ghosts_wanted = true;
  }
}

void PairAlignn::coeff(int n_words, char** words) {
  if (n_words != 3 + atom->ntypes)
    error->all(FLERR, "pair_coeff of {} is: pair_coeff * * FILE, then one element or NULL per atom type ({} types)",
               alignn::STYLE, atom->ntypes);
  if (!allocated) allocate();
  try {
    network = alignn::open_network(words[2]);
  } catch (const std::exception& failure) {
    error->all(FLERR, "{}: {}", style, failure.what());
  }
  match_types(words + 3);
  rows.set(*network, element_of_type);
  if (comm->me == 0)
    utils::logmesg(lmp, "{}: model {}, network in {}, cutoff {} A, reach {} A\n", style, network->name, network->dtype,
                   network->cutoff, network->reach);
}

void PairAlignn::allocate() {
  const int n = atom->ntypes + 1;
  allocated = 1;
  memory->create(setflag, n, n, "pair:setflag");
  memory->create(cutsq, n, n, "pair:cutsq");
  for (int i = 1; i < n; ++i)
    for (int j = 1; j < n; ++j) setflag[i][j] = 0;
}

void PairAlignn::match_types(char** words) {
  const auto& symbols = network->symbols;
  element_of_type.assign(atom->ntypes + 1, -1);
  for (int type = 1; type <= atom->ntypes; ++type) {
    const std::string word = words[type - 1];
    if (word == "NULL") continue;
    const auto found = std::find(symbols.begin(), symbols.end(), word);
    if (found == symbols.end()) {
      std::string known;
      for (const std::string& symbol : symbols) known += " " + symbol;
      error->all(FLERR, "{}: the model {} does not cover {}; it covers{}", style, network->name, word, known);
    }
    element_of_type[type] = int(found - symbols.begin());
  }
  for (int i = 1; i <= atom->ntypes; ++i)
    for (int j = i; j <= atom->ntypes; ++j) setflag[i][j] = element_of_type[i] >= 0 && element_of_type[j] >= 0;
}

void PairAlignn::init_style() {
  if (!network) error->all(FLERR, "{} needs pair_coeff * * FILE ELEMENTS", style);
  if (std::strcmp(update->unit_style, "metal") != 0)
    error->all(FLERR, "{} gives eV and A, so it needs units metal, not {}", style, update->unit_style);
  if (!atom->tag_enable) error->all(FLERR, "{} needs atom ids", style);
  if (neighbor->nex_type + neighbor->nex_group + neighbor->nex_mol > 0)
    error->all(FLERR, "{} reads all neighbours, so neigh_modify exclude would not change its forces; remove it", style);
  rows.periodic = domain->xperiodic || domain->yperiodic || domain->zperiodic;
  with_ghosts = ghosts_wanted || comm->nprocs > 1;
  if (!with_ghosts) return;
  if (!force->newton_pair)
    error->all(FLERR, "{} on several processes adds forces to atoms of others, so it needs newton on", style);
  if (comm->mode != Comm::SINGLE)
    error->all(FLERR, "{} on several processes needs comm_modify mode single", style);
  comm->cutghostuser = std::max(comm->cutghostuser, network->reach + neighbor->skin);
}

double PairAlignn::init_one(int, int) { return network->cutoff; }

alignn::Atoms PairAlignn::atoms_now() {
  const int n_all = atom->nlocal + atom->nghost;
  tags.assign(atom->tag, atom->tag + n_all);
  return {atom->x, atom->type, tags.data(), atom->nlocal, n_all, domain->h, domain->h_inv};
}

void PairAlignn::compute(int eflag, int vflag) {
  ev_init(eflag, vflag);
  const alignn::Atoms atoms = atoms_now();
  try {
    if (neighbor->ago == 0 || !rows.fits(atoms)) rows.search(atoms, with_ghosts, neighbor->skin);
    rows.connect(atoms);
    const double began = platform::walltime();
    network->evaluate(rows.elements, rows.n_local, rows.edges, comm->nthreads);
    pvector[2] += platform::walltime() - began;
  } catch (const std::exception& failure) {
    error->one(FLERR, "{}: {}", style, failure.what());
  }
  pvector[0] = double(network->evaluated), pvector[1] = double(rows.elements.size() * network->layers.size());
  for (int64_t edge = 0; edge < rows.edges.size(); ++edge) add_edge(edge);
  for (int64_t row = 0; row < rows.n_local; ++row) {
    if (eflag_global) eng_vdwl += network->energies[row];
    if (eflag_atom) eatom[rows.atom_of[row]] += network->energies[row];
  }
}

// With g = dE/dr of an edge r = x[to] - x[from]: the forces on both atoms, and the virial -r*g, half to each of them.
void PairAlignn::add_edge(int64_t edge) {
  const double *r = &rows.edges.vectors[3 * edge], *g = &network->gradient[3 * edge];
  const int from = rows.edge_from[edge], to = rows.edge_to[edge];
  for (int k = 0; k < 3; ++k) atom->f[from][k] += g[k], atom->f[to][k] -= g[k];
  if (!vflag_either) return;
  const double v[6] = {-r[0] * g[0],
                       -r[1] * g[1],
                       -r[2] * g[2],
                       -0.5 * (r[0] * g[1] + r[1] * g[0]),
                       -0.5 * (r[0] * g[2] + r[2] * g[0]),
                       -0.5 * (r[1] * g[2] + r[2] * g[1])};
  for (int k = 0; k < 6; ++k) {
    if (vflag_global) virial[k] += v[k];
    if (vflag_atom) vatom[from][k] += 0.5 * v[k], vatom[to][k] += 0.5 * v[k];
  }
}

double PairAlignn::memory_usage() { return Pair::memory_usage() + rows.bytes(); }
