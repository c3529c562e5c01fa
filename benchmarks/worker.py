"""One side of a benchmark in its own process; started by ``sides.py``.

Prepares the evaluation that its argument describes, warms up and prints ``#json {"n_atoms": …}``. Then it measures once
per line on stdin and prints seconds, their parts, and the peak of resident memory. A kind is a function that returns
(n_atoms, evaluate, notes); ``evaluate()`` returns the parts of one evaluation in seconds, which add up to it.
Imports are inside the kinds, because each side's Python has only its own packages.
"""

import json
import resource
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

Parts = dict[str, float]
Kind = Callable[..., tuple[int, Callable[[], Parts], dict[str, Any]]]


def silicon(cells: int, rattle_A: float = 0.05) -> Any:
    """Cubic silicon, cells³ × 8 atoms, rattled."""
    from ase.build import bulk

    atoms = bulk("Si", a=5.43, cubic=True).repeat(cells)
    atoms.rattle(rattle_A, seed=1)
    return atoms


def crystal(name: str, lattice: str, a: float, cells: list[int], rattle_A: float = 0.05) -> Any:
    """Cubic cells of a crystal, rattled."""
    from ase.build import bulk

    atoms = bulk(name, lattice, a=a, cubic=True).repeat(cells)
    atoms.rattle(rattle_A, seed=1)
    return atoms


def alignn_ff(
    *,
    model: str,
    cells: int = 1,
    of_crystal: dict[str, Any] | None = None,
    backend: str = "auto",
    dtype: str = "float32",
) -> Any:
    """Our own model, on silicon or a crystal: graph, and network with forces and stress."""
    from alignn_ff import load_potential
    from alignn_ff.allocator import keep_freed_memory

    keep_freed_memory()
    atoms = silicon(cells) if of_crystal is None else crystal(**of_crystal)
    potential = load_potential(model, device="cpu", dtype=dtype, backend=backend)

    def evaluate() -> Parts:
        start = time.perf_counter()
        prepared = potential.prepare(atoms)
        middle = time.perf_counter()
        potential.evaluate(prepared.system, prepared.graph)
        return {"graph": middle - start, "network": time.perf_counter() - middle}

    return len(atoms), evaluate, {"backend": potential.backend}


def dynamics(*, cells: int, model: str, steps: int, ensemble: str = "nve") -> Any:
    """Steps of molecular dynamics through the driver, without files."""
    from alignn_ff import AlignnCalculator, load_potential
    from alignn_ff.allocator import keep_freed_memory
    from alignn_ff.md import MDConfig, run_md

    keep_freed_memory()
    atoms = silicon(cells)
    calculator = AlignnCalculator(load_potential(model, device="cpu"))
    config = MDConfig(steps=steps, ensemble=ensemble, temperature_K=300.0)

    def evaluate() -> Parts:
        start = time.perf_counter()
        run_md(atoms, calculator, config=config)
        return {"all": time.perf_counter() - start}

    return len(atoms) * steps, evaluate, {"backend": calculator.potential.backend}


def published_fields(config: str) -> dict[str, Any]:
    """A published training config: the documented force field, or the smallest one."""
    layers, cutoff, three_body = {"3+3": (3, 6.0, 6.0), "2+2": (2, 5.0, 3.5)}[config]
    model = {
        "name": "alignn_atomwise_pure",
        "alignn_layers": layers,
        "gcn_layers": layers,
        "atom_input_features": 92,
        "embedding_features": 64,
        "hidden_features": 128,
        "use_zbl": False,
    }
    graph = {"neighbor_strategy": "pure_torch", "cutoff": cutoff, "three_body_cutoff": three_body, "max_neighbors": 12}
    return {"model": model, **graph}


def published_alignn_ff(*, cells: int, config: str, backend: str = "auto", memory_limit_MB: float | None = None) -> Any:
    """Our own execution of a published network: graph, and network with forces and stress."""
    import torch

    from alignn_ff.allocator import keep_freed_memory
    from alignn_ff.checkpoint import Header
    from alignn_ff.execution import Limits
    from alignn_ff.graph import published_recipe
    from alignn_ff.models import FAMILIES, ModelStatistics, build_model
    from alignn_ff.potential import Potential

    keep_freed_memory()
    fields, statistics = published_fields(config), ModelStatistics((0.0,), 1.0, 1.0, 1.0)
    family = FAMILIES[fields["model"]["name"]].config.model_validate(fields["model"])
    header = Header(model=family, graph=published_recipe(fields), elements=(14,), statistics=statistics)
    torch.manual_seed(0)
    model = build_model(header.model, header.graph, header.elements, header.statistics).eval().requires_grad_(False)
    limits = None if memory_limit_MB is None else Limits(int(memory_limit_MB * 1e6))
    potential = Potential(
        config, header, model, device=torch.device("cpu"), dtype=torch.float32, backend=backend, limits=limits
    )
    atoms = silicon(cells)
    potential.predict([silicon(1)], derivatives=limits is None)

    def evaluate() -> Parts:
        start = time.perf_counter()
        prepared = potential.prepare(atoms)
        middle = time.perf_counter()
        potential.evaluate(prepared.system, prepared.graph)
        return {"graph": middle - start, "network": time.perf_counter() - middle}

    return len(atoms), evaluate, {"backend": potential.backend}


def published_alignn(*, cells: int, config: str, device: str = "cpu") -> Any:
    """The published package with its own calculator."""
    import torch
    from alignn.ff.calculators import AlignnAtomwiseCalculator
    from alignn.models.alignn_atomwise_pure import ALIGNNAtomWisePure, ALIGNNAtomWisePureConfig

    torch.manual_seed(0)
    fields = {**published_fields(config), "atom_features": "cgcnn", "use_canonize": True}
    network = ALIGNNAtomWisePure(ALIGNNAtomWisePureConfig(**fields["model"])).eval()
    calculator = AlignnAtomwiseCalculator(model=network, config=fields, device=device)
    calculator.calculate(silicon(1))
    return ase_calculator(silicon(cells), calculator)


def ase_calculator(atoms: Any, calculator: Any) -> Any:
    """Any ASE calculator: energy, forces and stress of atoms that moved."""
    atoms.calc = calculator

    def evaluate() -> Parts:
        start = time.perf_counter()
        calculator.calculate(atoms, ["energy", "forces", "stress"], ["positions"])
        return {"all": time.perf_counter() - start}

    return len(atoms), evaluate, {}


def chgnet(*, cells: int, device: str = "cpu") -> Any:
    """CHGNet as released."""
    from chgnet.model.dynamics import CHGNetCalculator

    return ase_calculator(silicon(cells), CHGNetCalculator(use_device=device))


def mace(*, cells: int, channels: int = 64, max_L: int = 0, r_max: float = 5.0, device: str = "cpu") -> Any:
    """MACE with random weights: its cost does not depend on them."""
    import numpy as np
    import torch

    torch.serialization.add_safe_globals([slice])  # torch otherwise refuses a data file of e3nn
    from e3nn import o3
    from mace import modules
    from mace.calculators import MACECalculator

    torch.set_default_dtype(torch.float32)
    torch.manual_seed(0)
    hidden = "+".join(f"{channels}x{l}{'e' if l % 2 == 0 else 'o'}" for l in range(max_L + 1))  # noqa: E741
    network = modules.ScaleShiftMACE(
        r_max=r_max,
        num_bessel=8,
        num_polynomial_cutoff=5,
        max_ell=3,
        interaction_cls=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
        interaction_cls_first=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
        num_interactions=2,
        num_elements=1,
        hidden_irreps=o3.Irreps(hidden),
        MLP_irreps=o3.Irreps("16x0e"),
        gate=torch.nn.functional.silu,
        atomic_energies=np.array([0.0]),
        avg_num_neighbors=28.0,
        atomic_numbers=[14],
        correlation=3,
        atomic_inter_scale=1.0,
        atomic_inter_shift=0.0,
    )
    calculator = MACECalculator(models=[network], device=device, default_dtype="float32")
    return ase_calculator(silicon(cells), calculator)


def frames(data: str, n_frames: int) -> Any:
    """The first frames of an extended XYZ file, all for 0, with energy, forces and stress."""
    import ase.io

    return ase.io.read(data, index=f":{n_frames or ''}")


def batches(items: list[Any], size: int) -> list[list[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def train_alignn_ff(
    *, data: str, n_frames: int, batch_size: int, model: dict[str, Any], graph: dict[str, Any], kernels: str = "torch"
) -> Any:
    """Optimiser steps of our own model: energy per atom, forces and stress by their mean absolute error."""
    import torch

    from alignn_ff.allocator import keep_freed_memory
    from alignn_ff.graph import batch_graphs, batch_systems, build_graph, published_recipe, system_from_atoms
    from alignn_ff.models import FAMILIES, ModelStatistics, build_model, predict
    from alignn_ff.native import find_kernels, using

    keep_freed_memory()
    config = FAMILIES[model["name"]].config.model_validate(model)
    recipe = published_recipe(graph, exact=False)
    statistics = ModelStatistics((0.0,), 1.0, 12.0, 12.0)
    torch.manual_seed(0)
    network = build_model(config, recipe, (14,), statistics)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
    prepared = []
    for batch in batches(frames(data, n_frames), batch_size):
        systems = [system_from_atoms(atoms) for atoms in batch]
        graphs = batch_graphs([build_graph(system, recipe) for system in systems])
        labels = [torch.tensor(_labels(batch, name)) for name in ("energy", "forces", "stress")]
        prepared.append((batch_systems(systems), graphs, *labels))
    n_atoms = sum(len(labels[0].positions) for labels in prepared)
    library = find_kernels() if kernels == "native" else None

    def step(system: Any, graphs: Any, energy: Any, forces: Any, stress: Any) -> None:
        optimizer.zero_grad()
        found = predict(network, system, graphs, create_graph=True)
        loss = (found.energy / graphs.n_atoms - energy).abs().mean() + 10.0 * (found.forces - forces).abs().mean()
        (loss + 0.1 * (found.stress - stress).abs().mean()).backward()
        optimizer.step()

    def evaluate() -> Parts:
        start = time.perf_counter()
        with using(library):
            for batch in prepared:
                step(*batch)
        return {"all": time.perf_counter() - start}

    triplets = sum(len(batch[1].line_src) for batch in prepared) / n_atoms
    return n_atoms, evaluate, {"kernels": kernels, "triplets_per_atom": triplets}


def whole_training_step(*, data: str, n_frames: int, config: str, floor: int = 0, kernels: str = "native") -> Any:
    """Whole steps of a trainer: loss, derivatives, clipping, optimiser, average; with a floor if asked."""
    import torch

    from alignn_ff.allocator import keep_freed_memory
    from alignn_ff.models import ModelStatistics, build_model
    from alignn_ff.native import find_kernels, using
    from alignn_ff.train import validate_config
    from alignn_ff.train.floor.law import EnergyFloor, Floor
    from alignn_ff.train.floor.pool import floor_prior
    from alignn_ff.train.loss.loss import build_measure
    from alignn_ff.train.records.batches import build_sample, join
    from alignn_ff.train.records.record import Record
    from alignn_ff.train.records.statistics import LabelScales
    from alignn_ff.train.records.targets import label_shapes
    from alignn_ff.train.trainer.trainer import Trainer

    keep_freed_memory()
    with Path(config).open(encoding="utf-8") as file:
        fields = {**json.load(file), "start_from": None, "floor_labels": "bound", "floor_structures": floor}
    chosen = validate_config(fields)
    structures = [atoms for atoms in frames(data, 0) if 60 <= len(atoms) <= 64][:n_frames]
    records = []
    for k, atoms in enumerate(structures):
        energy, stress = atoms.get_potential_energy(), atoms.get_stress(voigt=False)
        records.append(Record(str(k), atoms, energy, atoms.get_forces(), stress, "silicon"))
    samples = [build_sample(record, chosen.recipe) for record in records]
    torch.manual_seed(0)
    network = build_model(chosen.model, chosen.recipe, (14,), ModelStatistics((-5.0,), 0.5, 28.0, 12.0)).float()
    law = EnergyFloor({"Si": -5.0}, {"Si": 20.0}, {"Si": Floor(-0.5, 0.3)}, Floor(-0.5, 0.3))
    prior = floor_prior(chosen, law, network, chosen.recipe, label_shapes(records)) if floor else None
    trainer = Trainer(
        chosen,
        network,
        training=samples,
        validation=[],
        measure=build_measure(chosen, LabelScales(0.2, 0.5, 0.01), {}),
        device=torch.device("cpu"),
        floor=prior,
    )
    network.train()
    passes = [join(batch) for batch in batches(samples, chosen.batch_size)]
    library = find_kernels() if kernels == "native" else None

    def evaluate() -> Parts:
        start = time.perf_counter()
        with using(library):
            for batch in passes:
                trainer.step([batch])
        return {"all": time.perf_counter() - start}

    n_atoms = sum(len(batch.system.positions) for batch in passes)
    edges = sum(len(batch.graph.edge_src) for batch in passes)
    return n_atoms, evaluate, {"kernels": kernels, "edges_per_atom": edges / n_atoms}


def train_alignn(*, data: str, n_frames: int, batch_size: int, model: dict[str, Any], graph: dict[str, Any]) -> Any:
    """The same steps of the published package: its model and its graphs."""
    import torch
    from alignn.models.alignn_atomwise_pure import ALIGNNAtomWisePure, ALIGNNAtomWisePureConfig
    from alignn.torch_graph_builder import batch_torch_graph_pairs, build_pure_torch_graph
    from jarvis.core.atoms import ase_to_atoms

    torch.manual_seed(0)
    network = ALIGNNAtomWisePure(ALIGNNAtomWisePureConfig(**model))
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
    prepared = []
    for batch in batches(frames(data, n_frames), batch_size):
        pairs = [
            build_pure_torch_graph(
                atoms=ase_to_atoms(atoms),
                two_body_cutoff=graph["cutoff"],
                three_body_cutoff=graph["three_body_cutoff"],
                max_neighbors=graph["max_neighbors"],
            )[:2]
            for atoms in batch
        ]
        cells = torch.stack([torch.tensor(atoms.cell.array, dtype=torch.float32) for atoms in batch])
        labels = [torch.tensor(_labels(batch, name)).float() for name in ("energy", "forces", "stress")]
        prepared.append((*batch_torch_graph_pairs(pairs), cells, *labels))
    n_atoms = sum(labels[0].num_nodes for labels in prepared)

    def step(pair: Any, line: Any, cells: Any, energy: Any, forces: Any, stress: Any) -> None:
        optimizer.zero_grad()
        found = network([pair, line, cells])
        loss = (found["out"] - energy).abs().mean() + 10.0 * (found["grad"] - forces).abs().mean()
        (loss + 0.1 * (found["stresses"].reshape(-1, 3, 3)[: len(stress)] - stress).abs().mean()).backward()
        optimizer.step()

    def evaluate() -> Parts:
        start = time.perf_counter()
        for batch in prepared:
            step(*batch)
        return {"all": time.perf_counter() - start}

    triplets = sum(len(batch[1].src) for batch in prepared) / n_atoms
    return n_atoms, evaluate, {"triplets_per_atom": triplets}


def _labels(batch: list[Any], name: str) -> Any:
    """Energies per atom, forces of all atoms, or stresses, float64."""
    import numpy as np

    if name == "energy":
        return np.array([atoms.get_potential_energy() / len(atoms) for atoms in batch])
    if name == "forces":
        return np.concatenate([atoms.get_forces() for atoms in batch])
    return np.stack([atoms.get_stress(voigt=False) for atoms in batch])


KINDS: Final[dict[str, Kind]] = {
    "alignn_ff": alignn_ff,
    "chgnet": chgnet,
    "dynamics": dynamics,
    "mace": mace,
    "published_alignn": published_alignn,
    "published_alignn_ff": published_alignn_ff,
    "train_alignn": train_alignn,
    "train_alignn_ff": train_alignn_ff,
    "whole_training_step": whole_training_step,
}


def main() -> None:
    import torch

    warnings.filterwarnings("ignore")
    description = json.loads(sys.argv[1])
    torch.set_num_threads(description["threads"])
    n_atoms, evaluate, notes = KINDS[description["kind"]](**description["options"])
    loaded = peak_memory()
    evaluate()
    answer({"n_atoms": n_atoms, "loaded_MiB": loaded, **notes})
    for _ in sys.stdin:
        runs = []
        for _ in range(description["repeats"]):
            before = time.process_time()
            parts = evaluate()
            runs.append((sum(parts.values()), parts, time.process_time() - before))
        seconds, best, _ = min(runs, key=lambda run: run[0])
        answer({"seconds": seconds, **best, "cpu_seconds": min(run[2] for run in runs), "peak_MiB": peak_memory()})


def peak_memory() -> float:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def answer(content: dict[str, Any]) -> None:
    print("#json " + json.dumps(content), flush=True)


if __name__ == "__main__":
    main()
