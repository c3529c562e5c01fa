"""Fields of small networks that learn properties, and of short trainings of them."""

LOOP = {
    "neighbor_strategy": "fast_graph",
    "cutoff": 4.0,
    "max_neighbors": 12,
    "atom_features": "basic",
    "epochs": 12,
    "batch_size": 3,
    "learning_rate": 0.02,
    "dtype": "float64",
    "progress": False,
    "num_workers": 0,
    "use_lmdb": False,
    "write_checkpoint": False,
    "train_ratio": 0.5,
    "val_ratio": 0.25,
    "test_ratio": 0.25,
}


NETWORK = {
    "alignn_layers": 1,
    "gcn_layers": 1,
    "hidden_features": 8,
    "embedding_features": 8,
    "edge_input_features": 12,
    "triplet_input_features": 6,
}


NO_FORCES = {"calculate_gradient": False, "gradwise_weight": 0.0, "use_penalty": False}
