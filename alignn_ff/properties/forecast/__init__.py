"""What a property will cost, before it starts: atoms, evaluations, time.

Each row of ``PROPERTIES`` has a plan, which lists its pieces of work from the structure as given and the config. The
time of an evaluation is measured on small cells.
"""

from alignn_ff.properties.forecast.forecast import Forecast, forecast

__all__ = ["Forecast", "forecast"]
