"""Which properties exist: one table, name → everything about a property.

Command line, batches, docs and tests read it. A property from outside the package is one more row.
"""

from typing import Final

from alignn_ff.properties.property import Property, deferred

PROPERTIES: Final[dict[str, Property]] = {
    "phonon": Property(
        "Phonons: bands, density of states, thermal properties.",
        config=deferred("alignn_ff.properties.phonons", "PhononConfig"),
        compute=deferred("alignn_ff.properties.phonons", "phonon"),
        plan=deferred("alignn_ff.properties.forecast.phonons", "phonon"),
        option_names={"mesh_length_A": ("--mesh",), "max_temperature_K": ("--tmax",)},
    ),
    "qha": Property(
        "Thermal expansion in the quasi-harmonic approximation.",
        config=deferred("alignn_ff.properties.quasi_harmonic", "QHAConfig"),
        compute=deferred("alignn_ff.properties.quasi_harmonic", "quasi_harmonic_expansion"),
        plan=deferred("alignn_ff.properties.forecast.phonons", "quasi_harmonic_expansion"),
        option_names={
            "mesh_length_A": ("--mesh",),
            "max_temperature_K": ("--tmax",),
            "volume_range": ("--range",),
            "pressures_GPa": ("--pressure",),
        },
    ),
    "thermo": Property(
        "Thermodynamic table of a crystal or a molecule: heat capacity, entropy, enthalpy, Gibbs energy.",
        config=deferred("alignn_ff.properties.thermochemistry", "ThermoConfig"),
        compute=deferred("alignn_ff.properties.thermochemistry", "thermo"),
        plan=deferred("alignn_ff.properties.forecast.phonons", "thermo"),
        option_names={
            "mesh_length_A": ("--mesh",),
            "max_temperature_K": ("--tmax",),
            "volume_range": ("--range",),
            "pressures_GPa": ("--pressure",),
        },
    ),
    "kappa": Property(
        "Lattice thermal conductivity (needs phono3py).",
        config=deferred("alignn_ff.properties.conductivity", "KappaConfig"),
        compute=deferred("alignn_ff.properties.conductivity", "thermal_conductivity"),
        plan=deferred("alignn_ff.properties.forecast.phonons", "thermal_conductivity"),
        option_names={
            "mesh_length_A": ("--mesh",),
            "max_temperature_K": ("--tmax",),
            "min_temperature_K": ("--tmin",),
            "meshes_A": ("--meshes",),
            "isotopes": ("--isotopes/--no-isotopes",),
        },
    ),
    "report": Property(
        "Several properties of a crystal on one page.",
        config=deferred("alignn_ff.properties.crystal_report", "ReportConfig"),
        compute=deferred("alignn_ff.properties.crystal_report", "report"),
        plan=deferred("alignn_ff.properties.forecast.crystals", "report"),
    ),
    "eos": Property(
        "Equation of state: equilibrium volume and bulk modulus.",
        config=deferred("alignn_ff.properties.equation_of_state", "EOSConfig"),
        compute=deferred("alignn_ff.properties.equation_of_state", "equation_of_state"),
        plan=deferred("alignn_ff.properties.forecast.crystals", "equation_of_state"),
        option_names={"volume_range": ("--range",)},
    ),
    "elastic": Property(
        "Elastic constants, moduli, sound velocities.",
        config=deferred("alignn_ff.properties.elasticity", "ElasticConfig"),
        compute=deferred("alignn_ff.properties.elasticity", "elastic_constants"),
        plan=deferred("alignn_ff.properties.forecast.crystals", "elastic_constants"),
    ),
    "vacancy": Property(
        "Formation energies of neutral vacancies.",
        config=deferred("alignn_ff.properties.defects", "DefectConfig"),
        compute=deferred("alignn_ff.properties.defects", "vacancy"),
        plan=deferred("alignn_ff.properties.forecast.structures", "vacancy"),
    ),
    "interstitial": Property(
        "Formation energies of neutral interstitials.",
        config=deferred("alignn_ff.properties.defects", "DefectConfig"),
        compute=deferred("alignn_ff.properties.defects", "interstitial"),
        plan=deferred("alignn_ff.properties.forecast.structures", "interstitial"),
    ),
    "antisite": Property(
        "Formation energies of neutral antisites of a compound.",
        config=deferred("alignn_ff.properties.defects", "DefectConfig"),
        compute=deferred("alignn_ff.properties.defects", "antisite"),
        plan=deferred("alignn_ff.properties.forecast.structures", "antisite"),
    ),
    "surface": Property(
        "Surface energies of all terminations, and the shape of least energy.",
        config=deferred("alignn_ff.properties.surfaces", "SurfaceConfig"),
        compute=deferred("alignn_ff.properties.surfaces", "surface"),
        plan=deferred("alignn_ff.properties.forecast.structures", "surface"),
    ),
    "stacking-fault": Property(
        "Energies of stacking faults along a direction in a plane.",
        config=deferred("alignn_ff.properties.faults", "FaultConfig"),
        compute=deferred("alignn_ff.properties.faults", "stacking_fault"),
        plan=deferred("alignn_ff.properties.forecast.structures", "stacking_fault"),
        option_names={"max_energy_J_per_m2": ("--max-energy",)},
    ),
    "neb": Property(
        "Path and barrier between two structures: nudged elastic band with a climbing image.",
        config=deferred("alignn_ff.properties.reaction_path", "NEBConfig"),
        compute=deferred("alignn_ff.properties.reaction_path", "reaction_path"),
        plan=deferred("alignn_ff.properties.forecast.structures", "reaction_path"),
        inputs=("START", "END"),
        option_names={"climb": ("--climb/--no-climb",), "spring_eV_per_A2": ("--spring",)},
    ),
    "melting": Property(
        "Melting temperature from a crystal beside its liquid, at constant enthalpy (a long run).",
        config=deferred("alignn_ff.properties.coexistence", "MeltingConfig"),
        compute=deferred("alignn_ff.properties.coexistence", "melting"),
        plan=deferred("alignn_ff.properties.coexistence.stages", "plan"),
    ),
    "dimer": Property(
        "Energy and force of pairs of atoms over their distance.",
        config=deferred("alignn_ff.properties.pairs", "DimerConfig"),
        compute=deferred("alignn_ff.properties.pairs", "dimers"),
        plan=deferred("alignn_ff.properties.forecast.structures", "dimers"),
        inputs=(),
        option_names={"shortest_A": ("--from",), "longest_A": ("--to",)},
    ),
    "formation-energy": Property(
        "Formation energy from the elements, all with the same model.",
        config=deferred("alignn_ff.properties.formation", "FormationConfig"),
        compute=deferred("alignn_ff.properties.formation", "formation_energy"),
        plan=deferred("alignn_ff.properties.forecast.crystals", "formation_energy"),
    ),
    "hull": Property(
        "Convex hull of the structures of one or more files: formation energies, energies above the hull.",
        config=deferred("alignn_ff.properties.formation", "FormationConfig"),
        compute=deferred("alignn_ff.properties.formation", "convex_hull"),
        plan=deferred("alignn_ff.properties.forecast.crystals", "convex_hull"),
        inputs=("STRUCTURES",),
        many=True,
    ),
}
"""Name → property, in the order of the help."""

FUNCTIONS: Final[dict[str, str]] = {name.replace("-", "_"): name for name in PROPERTIES}
"""Name of the function of Python → name of its property."""
