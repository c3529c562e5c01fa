"""The observables: each file has the accumulation, the printed rows and the figures of one."""
