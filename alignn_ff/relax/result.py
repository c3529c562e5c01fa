"""The result of a relaxation: frozen, and as JSON with units in the names."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

from ase import Atoms

from alignn_ff.display import Displayed, Sheet, exact, plotted
from alignn_ff.domain import Finding, sentences
from alignn_ff.labels import label_of
from alignn_ff.relax.config import RelaxConfig
from alignn_ff.relax.periodic_size import PeriodicSize
from alignn_ff.runs.model_record import ModelRecord, software_versions
from alignn_ff.runs.uncertainty import NO_DEVIATIONS, Deviations


class RelaxStep(NamedTuple):
    """One step of a relaxation.

    Attributes:
        step: number of steps done.
        energy_eV: potential energy.
        enthalpy_eV: potential energy + pressure · volume, which is minimised; the energy itself without a pressure.
        max_force_eV_per_A: length of the largest force, constraints applied.
        max_cell_force_eV_per_A: largest of the forces on the cell, −∂enthalpy/∂strain per atom, to which the limit
            also applies; None if the cell does not relax.
        size: size and stress along the periodic directions; None without any.
        converged: whether the limit on the forces is reached.
    """

    step: int
    energy_eV: float
    enthalpy_eV: float
    max_force_eV_per_A: float
    max_cell_force_eV_per_A: float | None
    size: PeriodicSize | None
    converged: bool

    @property
    def stress_GPa(self) -> tuple[float, ...] | None:  # noqa: N802 - the unit's letters
        """Voigt order xx yy zz yz xz xy, tension positive; None without three periodic directions."""
        return self.size.stress if self.size and self.size.units.size == "volume" else None

    @property
    def volume_A3(self) -> float | None:  # noqa: N802 - the unit's letter
        """Volume of the cell; None without three periodic directions."""
        return self.size.size if self.size and self.size.units.size == "volume" else None


@dataclass(frozen=True)
class RelaxResult(Displayed):
    """A relaxation.

    Attributes:
        atoms: the relaxed structure, with energy and forces.
        config: how it was relaxed.
        steps: every step, the start included; of relaxations that share passes, the start and the last step.
        held_strains: strains that could not change, "zz", …; empty if the cell does not relax.
        space_group_before, space_group_after: "Fd-3m (227)"; None if not searched or not found.
        ended_by: why it ended if it neither converged nor ran out of steps: "SIGINT", …
        stopped: whether further steps would be wrong: the structure left the training data, or its energy could not be
            computed. The structure is then that of the last step before.
        outside: in which ways the relaxed structure is outside of the training data.
        wall_time_s: of the relaxation.
        model: the model used.
        deviations: standard deviations of the relaxed structure, of a calculator that has them.
    """

    atoms: Atoms
    config: RelaxConfig
    steps: tuple[RelaxStep, ...]
    held_strains: tuple[str, ...]
    space_group_before: str | None
    space_group_after: str | None
    ended_by: str | None
    wall_time_s: float
    model: ModelRecord
    stopped: bool = False
    outside: tuple[Finding, ...] = ()
    deviations: Deviations = NO_DEVIATIONS

    @property
    def before(self) -> RelaxStep:
        """The start."""
        return self.steps[0]

    @property
    def after(self) -> RelaxStep:
        """The last step."""
        return self.steps[-1]

    @property
    def volume_before_A3(self) -> float | None:  # noqa: N802 - the unit's letter
        """Volume of the start."""
        return self.before.volume_A3

    @property
    def volume_after_A3(self) -> float | None:  # noqa: N802 - the unit's letter
        """Volume of the last step."""
        return self.after.volume_A3

    def brief(self) -> str:
        """The structure, whether it converged, and its last step."""
        after = self.after
        state = "converged" if after.converged else "NOT CONVERGED"
        return (
            f"{self.atoms.get_chemical_formula()}: {state} after {after.step} steps, energy {after.energy_eV:.6f} eV, "
            f"largest force {after.max_force_eV_per_A:.3g} eV/Å"
        )

    def sheet(self) -> Sheet:
        """Before and after, and the steps as a figure."""
        facts = {
            "model": self.model.in_words,
            "optimizer": self.config.optimizer,
            "limit_of_the_largest_force_eV_per_A": self.config.fmax_eV_per_A,
            "ended_by": self.ended_by,
            "strains_that_were_kept_constant": self.held_strains,
            "wall_time_s": self.wall_time_s,
        }
        step = {"before": self.before, "after": self.after}
        names = ("energy_eV", "enthalpy_eV", "max_force_eV_per_A", "max_cell_force_eV_per_A", "volume_A3")
        told = [name for name in names if getattr(self.after, name) is not None]
        rows = {"": [label_of(name) for name in told]}
        columns = {when: [exact(getattr(one, name)) for name in told] for when, one in step.items()}
        groups = {"before": self.space_group_before, "after": self.space_group_after}
        if any(groups.values()):
            rows[""].append("space group")
            columns = {when: [*numbers, groups[when]] for when, numbers in columns.items()}
        return Sheet(facts, {"relaxation": {**rows, **columns}}, sentences(self.outside), plotted(self))

    def to_json(self) -> dict[str, object]:
        """JSON-ready content, without the structure."""
        return {
            "converged": self.after.converged,
            "ended_by": self.ended_by,
            "stopped": self.stopped,
            "outside": [finding.to_json() for finding in self.outside],
            "n_steps": self.after.step,
            "formula": self.atoms.get_chemical_formula(),
            "n_atoms": len(self.atoms),
            **_before_and_after(self.before, self.after),
            **self.deviations.to_json(),
            "held_strains": self.held_strains,
            "space_group_before": self.space_group_before,
            "space_group_after": self.space_group_after,
            "wall_time_s": self.wall_time_s,
            "history": history(self.steps),
            "config": self.config.model_dump(mode="json"),
            "model": asdict(self.model),
            "versions": software_versions(),
        }


def history(steps: Sequence[RelaxStep]) -> dict[str, list[object]]:
    """Columns over the steps."""
    return {
        "step": [step.step for step in steps],
        "energy_eV": [step.energy_eV for step in steps],
        "enthalpy_eV": [step.enthalpy_eV for step in steps],
        "max_force_eV_per_A": [step.max_force_eV_per_A for step in steps],
        "max_cell_force_eV_per_A": [step.max_cell_force_eV_per_A for step in steps],
    }


def _before_and_after(before: RelaxStep, after: RelaxStep) -> dict[str, object]:
    """Volume and stress in GPa are null without three periodic directions; slabs and wires have their own keys."""
    content: dict[str, object] = {}
    for when, step in (("before", before), ("after", after)):
        content[f"energy_{when}_eV"] = step.energy_eV
        content[f"enthalpy_{when}_eV"] = step.enthalpy_eV
        content[f"max_force_{when}_eV_per_A"] = step.max_force_eV_per_A
        content[f"stress_{when}_GPa"] = step.stress_GPa
        content[f"volume_{when}_A3"] = step.volume_A3
        if step.size is not None and step.volume_A3 is None:
            name, unit = step.size.units.size_key.rsplit("_", 1)
            content[f"{name}_{when}_{unit}"] = step.size.size
            content[f"stress_{when}_{step.size.units.stress_key}"] = step.size.stress
    return content
