// What LAMMPS calls when it loads the plugin: its pair style becomes known.
#include "lammps/lammps.h"
#include "lammpsplugin.h"
#include "pair_alignn.h"

static LAMMPS_NS::Pair* make_pair_alignn(LAMMPS_NS::LAMMPS* lmp) { return new LAMMPS_NS::PairAlignn(lmp); }

extern "C" __attribute__((visibility("default"))) void lammpsplugin_init(void* lmp, void* handle, void* register_style) {
  lammpsplugin_t plugin;
  plugin.version = static_cast<LAMMPS_NS::LAMMPS*>(lmp)->version;
  plugin.style = "pair", plugin.name = alignn::STYLE;
  plugin.info = "ALIGNN force fields of alignn-ff", plugin.author = "alignn-ff";
  plugin.creator.v1 = reinterpret_cast<lammpsplugin_factory*>(&make_pair_alignn);
  plugin.handle = handle;
  reinterpret_cast<lammpsplugin_regfunc>(register_style)(&plugin, lmp);
}
