#include "keel/models/gradcheck_model.hpp"

#include <fmt/format.h>

#include "keel/graph/converted.hpp"
#include "keel/runtime/error.hpp"

namespace keel::detail {
namespace {

// The model with copies of its values, as `dtype`, until the end of the scope.
class Converted {
 public:
  Converted(std::span<const NamedParameter> parameters, DType dtype)
      : parameters_(parameters.begin(), parameters.end()) {
    for (const auto& [path, parameter] : parameters_) {
      const bool has_its_own_type = parameter->dtype(DType::f32) == parameter->dtype(DType::f64);
      auto copy = has_its_own_type ? parameter->value().clone() : converted(parameter->value(), dtype);
      before_.push_back(parameter->exchange_memory(std::move(copy)));
    }
  }
  ~Converted() {
    for (std::size_t i = 0; i < parameters_.size(); ++i)
      (void)parameters_[i].parameter->exchange_memory(std::move(before_[i]));
  }
  Converted(const Converted&) = delete;
  Converted& operator=(const Converted&) = delete;

  [[nodiscard]] std::vector<GradcheckParameter> trained() const {
    std::vector<GradcheckParameter> result;
    for (const auto& [path, parameter] : parameters_) {
      if (parameter->kind() == Parameter::Kind::trained) result.push_back({path, parameter->value()});
    }
    return result;
  }

 private:
  std::vector<NamedParameter> parameters_;
  std::vector<Tensor> before_;
};

}  // namespace

void require_batch(std::span<const Tensor> inputs, std::span<const Tensor> targets,
                   const SourceLocation& where) {
  const auto require = [&](std::span<const Tensor> tensors, std::string_view kind) {
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (tensors[i].defined()) continue;
      require_values(tensors[i], fmt::format("{} {} of gradcheck at {}", kind, i, describe(where)));
    }
  };
  require(inputs, "input");
  require(targets, "target");
}

GradcheckReport gradcheck_model(std::span<const NamedParameter> parameters,
                                const std::function<Var(std::span<const Var>)>& function,
                                GradcheckOptions options) {
  for (const auto& parameter : parameters) (void)values_of(parameter);
  const auto given = options.inputs;
  options.frozen.clear();
  for (std::size_t i = 0; i < given.size(); ++i) {
    options.inputs[i] = converted(given[i], DType::f64);
    options.frozen.push_back(i);
  }
  GradcheckReport report;
  {
    const Converted model{parameters, DType::f64};
    report = gradcheck_parameters(function, model.trained(), options);
  }
  if (options.f32 != GradcheckF32::skipped) {
    const Converted model{parameters, DType::f32};
    add(report, gradcheck_f32(function, given, model.trained(), options), options);
  }
  return report;
}

}  // namespace keel::detail
