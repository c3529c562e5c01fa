// One gated average of the published families as the kernels see it (execution/published/contract.py).
// Mirrored field by field in native/arguments.py; pointers that do not apply are null.
#pragma once

#include <cstdint>

#include "normed_rows.h"
#include "table.h"

namespace alignn {

template <class T>
struct EdgeLayer {  // p = y·matrix + bias
  const T *matrix, *bias;  // (width, width), rows of y times columns of p; (width,)
};

template <class T>
struct NodeLayer {  // source gate, target gate, value, own of a node
  const T *matrices, *bias;  // (4, width, width), rows of x times columns of the projection; (4, width)
  const T* back;             // (4, width, width), the other way round
};

template <class T>
struct LowerLayer {  // a layer to be run again on the edges
  const T* nodes;    // (n_nodes, width)
  NodeLayer<T> projections;
  Norm<T> edge_norm;
  EdgeLayer<T> following;
};

template <class T>
struct AverageArguments {
  int64_t n_nodes, n_members, n_groups, n_lone, width, threads, disjoint;
  const int64_t *members, *lone;                        // execution/published/topology.py
  const int64_t *targets, *starts, *groups, *sources, *entering, *leaving, *leaving_starts;
  Norm<T> node_norm, edge_norm;
  NodeLayer<T> projections;
  EdgeLayer<T> layer;
  const T* layer_back;  // (width, width), the other way round
  const T* nodes;       // (n_nodes, width)
  T* source_rows;       // (n_members, 2·width), to work in, unless groups are disjoint
  // where edges come from
  const T *gates, *states;  // (n_edges, width)
  const double* cosines;    // (n_edges,)
  Table<T> gate_table, state_table;
  int64_t n_lower;
  const LowerLayer<T>* lower;
  // forwards
  T* updated;                         // (n_nodes, width)
  T *read, *new_states, *new_gates;  // (n_edges, width); `read` gets p, maybe in the place of `states`
  EdgeLayer<T> following;
  // backwards
  T* d_nodes;  // (n_nodes, width) ∂E/∂updated, gets ∂E/∂nodes; decides the direction
  T* d_states;              // (n_edges, width)
  int64_t states_read;
  double* d_cosines;        // (n_edges,)
  T* from_sources;          // (n_members, width), to work in, if groups are disjoint
  T *d_messages, *sent;     // (n_edges, width), to work in, unless groups are disjoint
};

}  // namespace alignn
