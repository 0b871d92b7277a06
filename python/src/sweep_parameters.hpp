// Parameters of the equal-weight strategy, by name.
#pragma once

#include <nanobind/nanobind.h>

#include <optional>
#include <string>

#include <nanobook/portfolio/sweep_grid.hpp>

/// A value as a grid keeps it; none for None. TypeError or ValueError that names the key and the value.
std::optional<double> to_parameter(nanobook::SweepKey key, nanobind::handle value);
/// A value of a grid as Python has it.
nanobind::object from_parameter(nanobook::SweepKey key, std::optional<double> value);
/// sweep_key, with ValueError for an unknown one.
nanobook::SweepKey to_key(nanobind::handle name);
