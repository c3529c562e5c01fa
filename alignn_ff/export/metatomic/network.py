"""The module that metatomic saves: systems with their neighbours in, energies out.

In: structures as metatomic has them. Out: the energy of each structure or of each atom; derivatives in positions and
cell are autograd's, through the vectors of the neighbours.
"""

from typing import Dict, List, Optional  # noqa: UP035 - the names that metatomic checks

import torch
from metatensor.torch import Labels, TensorBlock, TensorMap
from metatomic.torch import ModelOutput, NeighborListOptions, System
from torch import Tensor, nn

from alignn_ff.export.torchscript.entries import Deployed


class MetatomicNetwork(nn.Module):
    """A scripted force field behind the interface of metatomic."""

    def __init__(self, deployed: Deployed, cutoff_A: float) -> None:
        """Wrap a scripted force field.

        Args:
            deployed: as in a file of the target torchscript.
            cutoff_A: of its edges.
        """
        super().__init__()
        self.deployed = deployed
        self.neighbors = NeighborListOptions(cutoff=cutoff_A, full_list=True, strict=True, requestor="alignn-ff")

    def requested_neighbor_lists(self) -> List[NeighborListOptions]:  # noqa: UP006
        """All pairs below the cutoff, both directions."""
        return [self.neighbors]

    def forward(
        self,
        systems: List[System],  # noqa: UP006
        outputs: Dict[str, ModelOutput],  # noqa: UP006
        selected_atoms: Optional[Labels],  # noqa: UP045
    ) -> Dict[str, TensorMap]:  # noqa: UP006
        """Energies, eV, of the atoms that are selected; None: of all."""
        results: Dict[str, TensorMap] = {}  # noqa: UP006
        if "energy" not in outputs:
            return results
        per_atom: List[Tensor] = []  # noqa: UP006
        owners: List[Tensor] = []  # noqa: UP006
        for number, system in enumerate(systems):
            energies = self.atomic_energies(system)
            atoms = torch.arange(len(system), device=energies.device)
            if selected_atoms is not None:
                chosen = selected_atoms.column("system") == number
                atoms = selected_atoms.column("atom")[chosen].to(torch.int64)
            per_atom.append(energies[atoms])
            owners.append(torch.stack([torch.full_like(atoms, number), atoms], dim=1))
        energies, owner = torch.cat(per_atom), torch.cat(owners).to(torch.int32)
        if outputs["energy"].sample_kind == "atom":
            values, samples = energies, Labels(["system", "atom"], owner)
        else:
            whole = torch.arange(len(systems), dtype=torch.int32, device=energies.device)
            values = torch.zeros(len(systems), dtype=energies.dtype, device=energies.device)
            values = values.index_add(0, owner[:, 0].to(torch.int64), energies)
            samples = Labels(["system"], whole[:, None])
        one = torch.zeros((1, 1), dtype=torch.int32, device=energies.device)
        block = TensorBlock(
            values=values[:, None].to(systems[0].positions.dtype if len(systems) > 0 else energies.dtype),
            samples=samples,
            components=torch.jit.annotate(List[Labels], []),  # noqa: UP006
            properties=Labels(["energy"], one),
        )
        results["energy"] = TensorMap(Labels(["_"], one), [block])
        return results

    def atomic_energies(self, system: System) -> Tensor:
        """(n_atoms,) float64, eV."""
        block = system.get_neighbor_list(self.neighbors)
        pairs = block.samples.values.to(torch.int64)
        numbers = system.types.to(torch.int64)
        rows = self.deployed.row_of[numbers]
        assert bool((rows >= 0).all()), "an element of the structure is not covered by this model"
        vectors = block.values.squeeze(2).to(torch.float64)
        energies: Tensor = self.deployed.energies(vectors, numbers, rows, pairs[:, 0], pairs[:, 1], pairs[:, 2:])
        nothing: Tensor = 0.0 * system.positions.sum().to(torch.float64)  # a program may differentiate a lone atom
        return energies + nothing
