"""A workflow on this machine with Dask: silicon relaxed under a range of pressures, side by side, and its bulk modulus.

    pip install "alignn-ff[dask]"
    python pressure_curve.py --workers 2

Each task is one function call that takes and returns plain data, so it runs wherever a Dask worker runs: in processes
here, on a cluster with dask-jobqueue. A task that fails says why and leaves the others alone.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from ase.build import bulk
from dask.distributed import Client, LocalCluster, as_completed

from alignn_ff import AlignnCalculator
from alignn_ff.errors import AlignnError
from alignn_ff.relax import RelaxConfig, relax


def relax_at(pressure_GPa: float, model: str) -> dict[str, float | str]:
    """Relax the crystal under a pressure; the model is loaded by the worker that runs this."""
    config = RelaxConfig(relax_cell="free", pressure_GPa=pressure_GPa, keep_symmetry=True, fmax_eV_per_A=1e-4)
    try:
        result = relax(bulk("Si", cubic=True, a=5.43), AlignnCalculator(model, dtype="float64"), config=config)
    except AlignnError as error:
        return {"pressure_GPa": pressure_GPa, "error": str(error)}
    assert result.volume_after_A3 is not None
    return {
        "pressure_GPa": pressure_GPa,
        "volume_A3": result.volume_after_A3 / len(result.atoms),
        "energy_eV": result.after.energy_eV / len(result.atoms),
        "space_group": str(result.space_group_after),
    }


def main() -> None:
    """Send the tasks out, take the results as they come, and fit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="si")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pressures", type=float, nargs="+", default=[-4.0, -2.0, 0.0, 2.0, 4.0], help="GPa")
    parser.add_argument("--output", type=Path, default=Path("pressure_curve.json"))
    options = parser.parse_args()
    cluster = LocalCluster(n_workers=options.workers, threads_per_worker=1, dashboard_address=None)
    with cluster, Client(cluster) as client:
        tasks = [client.submit(relax_at, pressure, options.model) for pressure in options.pressures]
        results = [task.result() for task in as_completed(tasks)]
    results.sort(key=lambda result: result["pressure_GPa"])
    options.output.write_text(json.dumps(results, indent=2) + "\n")
    for result in results:
        print(
            *(f"{name} {value if isinstance(value, str) else format(value, '.4f')}" for name, value in result.items())
        )
    good = [result for result in results if "error" not in result]
    if len(good) > 2:
        volume = np.array([result["volume_A3"] for result in good])
        slope = np.polyfit(np.log(volume), [result["pressure_GPa"] for result in good], 2)
        at_zero = float(np.interp(0.0, [result["pressure_GPa"] for result in good], volume))
        print(f"bulk modulus at 0 GPa: {-np.polyval(np.polyder(slope), np.log(at_zero)):.1f} GPa")


if __name__ == "__main__":
    main()
