"""A thermodynamic table of a crystal or of a molecule."""

import numpy as np
from ase import Atoms

from alignn_ff.properties.phonons.phonon import temperatures
from alignn_ff.properties.result import Remark
from alignn_ff.properties.thermochemistry.config import ROUTES, ThermoConfig
from alignn_ff.properties.thermochemistry.functions import REFERENCE_K, Functions
from alignn_ff.properties.thermochemistry.result import ThermoResult
from alignn_ff.properties.work import Work


def thermo(atoms: Atoms, config: ThermoConfig, work: Work) -> ThermoResult:
    """Heat capacity, entropy, enthalpy and Gibbs energy over the temperature.

    Raises:
        StructureError: the structure does not fit the route.
        SimulationError: it is not at a minimum.
        NotConvergedError: it did not relax.
    """
    kelvin = np.unique(np.append(temperatures(config), REFERENCE_K))
    found: Functions = ROUTES[config.route].compute()(atoms, config, kelvin, work)
    told = list(found.remarks)
    if found.temperatures[-1] < REFERENCE_K:
        told.append(
            Remark("no_reference", f"the table ends below {REFERENCE_K} K; enthalpies are less that at its end")
        )
    return ThermoResult(atoms=found.atoms, config=config, model=work.model, remarks=tuple(told), functions=found)
