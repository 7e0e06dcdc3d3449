#include "keel/tools/runs/study.hpp"

#include "keel/tools/system/json.hpp"

namespace keel::tools {

Json Study::summary(std::span<const RunResult> /*runs*/) const {
  return Json::object();
}

}  // namespace keel::tools
