"""torch-sim: batched relaxations and dynamics with the package's force fields.

In: a potential. Out: a model of torch-sim (``ModelInterface``), which evaluates all structures of a state at once.
"""

from typing import Any

import torch
from ase import Atoms
from torch import Tensor
from torch_sim import SimState
from torch_sim.models.interface import ModelInterface

from alignn_ff.graph import VerletSkin
from alignn_ff.potential import Potential
from alignn_ff.preparing import batch_on


class AlignnModel(ModelInterface):  # type: ignore[misc]
    """A force field in torch-sim: ``AlignnModel(load_potential("si"))``.

    The state and the results are in ``dtype``; the network is in the dtype of the potential. Geometry is in float64.
    """

    def __init__(self, potential: Potential, *, dtype: torch.dtype = torch.float64) -> None:
        """Wrap a potential.

        Args:
            potential: from ``load_potential``; its device is that of the simulation.
            dtype: of states and results.
        """
        super().__init__()
        self.potential = potential
        self._device, self._dtype = potential.device, dtype
        self._compute_forces = self._compute_stress = True
        self._skins: list[VerletSkin] = []

    @ModelInterface.compute_forces.setter  # type: ignore[untyped-decorator]
    def compute_forces(self, compute_forces: bool) -> None:
        """Whether results have forces."""
        self._compute_forces = compute_forces

    @ModelInterface.compute_stress.setter  # type: ignore[untyped-decorator]
    def compute_stress(self, compute_stress: bool) -> None:
        """Whether results have stresses."""
        self._compute_stress = compute_stress

    def forward(self, state: Any) -> dict[str, Tensor]:
        """Energies (n_systems,) eV, forces (n_atoms, 3) eV/Å, stresses (n_systems, 3, 3) eV/Å³, tension positive.

        Raises:
            StructureError, ElementNotCoveredError, MemoryLimitError
        """
        if not isinstance(state, SimState):
            state = SimState(**state, masses=torch.ones_like(state["atomic_numbers"], dtype=self.dtype))
        structures = self._structures(state)
        while len(self._skins) < len(structures):
            self._skins.append(VerletSkin())
        inputs = [
            self.potential.prepare_on_host(atoms, skin=skin)
            for atoms, skin in zip(structures, self._skins, strict=False)
        ]
        found = self.potential.evaluate(
            *batch_on(self._device, inputs),
            derivatives=self._compute_forces or self._compute_stress,
        )
        wanted = {"energy": found.energy}
        if self._compute_forces and found.forces is not None:
            wanted["forces"] = found.forces
        if self._compute_stress and found.stress is not None:
            wanted["stress"] = found.stress
        return {name: values.to(self._device, self._dtype) for name, values in wanted.items()}

    def _structures(self, state: Any) -> list[Atoms]:
        """The structures of a state; torch-sim has cells with vectors as columns."""
        positions, numbers = state.positions.detach().double().cpu(), state.atomic_numbers.cpu()
        cells, owner = state.row_vector_cell.detach().double().cpu(), state.system_idx.cpu()
        pbc = torch.as_tensor(state.pbc).cpu().expand(3).tolist()
        return [
            Atoms(numbers[owner == k].numpy(), positions[owner == k].numpy(), cell=cell.numpy(), pbc=pbc)
            for k, cell in enumerate(cells)
        ]
