#pragma once

#include <functional>
#include <string>
#include <vector>

#include "execution.hpp"

namespace keel::differential {

/// A fault to be put into one operator's f32 kernel.
struct PlantedFault {
  std::string name;
  std::string operator_name;  ///< whose kernel gets it
  Sabotage sabotage;
};

/// The faults that the differential tester has to find, each as a kernel's author might make it.
std::vector<PlantedFault> planted_faults();

}  // namespace keel::differential
