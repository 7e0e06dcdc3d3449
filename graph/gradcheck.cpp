#include "keel/graph/gradcheck.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "keel/graph/gradients.hpp"
#include "keel/graph/plan.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/rng.hpp"

namespace keel {
namespace {

Tensor random_normal(const Shape& shape, Rng rng) {
  Tensor tensor{shape, DType::f64};
  for (auto& element : tensor.data<double>()) element = rng.normal();
  return tensor;
}

// The function, recorded twice: forward alone for the differences, and with its gradients.
class Check {
 public:
  Check(const std::function<Var(std::span<const Var>)>& function, std::vector<Tensor> inputs,
        const GradcheckOptions& options)
      : options_(options),
        inputs_(std::move(inputs)),
        forward_tape_(options.mode),
        backward_tape_(options.mode) {
    const auto forward_inputs = declare(forward_tape_);
    const Var output = function(forward_inputs);
    if (output.dtype() != DType::f64) {
      throw Error{
          fmt::format("gradcheck works in f64, but the function returned {}", to_string(output.type()))};
    }
    upstream_ = random_normal(output.shape(), Rng{options.seed}.stream("upstream"));
    forward_ = std::make_unique<Plan>(forward_tape_, std::span{&output, 1});
    bind(*forward_, forward_inputs);

    auto backward_inputs = declare(backward_tape_);
    const Var again = function(backward_inputs);
    const Var upstream = backward_tape_.stored(upstream_, "upstream");
    std::vector<Var> wrt;
    for (const auto index : differentiated()) wrt.push_back(backward_inputs[index]);
    const auto grads = gradients(std::span{&again, 1}, std::span{&upstream, 1}, wrt);
    backward_ = std::make_unique<Plan>(backward_tape_, grads);
    bind(*backward_, backward_inputs);
  }

  GradcheckReport run() {
    const auto first = analytic();
    const auto second = analytic();
    GradcheckReport report{.ok = true, .text = {}};
    const auto indices = differentiated();
    for (std::size_t i = 0; i < indices.size(); ++i) compare(indices[i], first[i], report);
    if (first != second) {
      report.ok = false;
      report.text += "a second run gave other gradients than the first\n";
    }
    return report;
  }

 private:
  std::vector<Var> declare(Tape& tape) const {
    std::vector<Var> vars;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      vars.push_back(tape.input(inputs_[i].type(), fmt::format("input {}", i)));
    }
    return vars;
  }

  void bind(Plan& plan, std::span<const Var> vars) const {
    for (std::size_t i = 0; i < vars.size(); ++i) plan.bind(vars[i], inputs_[i]);
  }

  [[nodiscard]] std::vector<std::size_t> differentiated() const {
    std::vector<std::size_t> result;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (inputs_[i].dtype() == DType::f64 && !std::ranges::count(options_.frozen, i)) result.push_back(i);
    }
    return result;
  }

  std::vector<std::vector<double>> analytic() {
    backward_->run();
    std::vector<std::vector<double>> grads;
    for (std::size_t i = 0; i < differentiated().size(); ++i) {
      const auto grad = backward_->output(i).data<double>();
      grads.emplace_back(grad.begin(), grad.end());
    }
    return grads;
  }

  // The scalar whose gradient is checked: sum(upstream * output).
  double value() {
    forward_->run();
    const auto output = forward_->output(0).data<double>();
    const auto weights = upstream_.data<double>();
    double sum = 0.0;
    for (std::size_t i = 0; i < output.size(); ++i) sum += weights[i] * output[i];
    return sum;
  }

  double numeric(double& element) {
    const double center = element;
    const double step = options_.step * std::max(1.0, std::abs(center));
    const double above = center + step;
    const double below = center - step;
    element = above;
    const double high = value();
    element = below;
    const double low = value();
    element = center;
    return (high - low) / (above - below);  // the step that was really made, after rounding
  }

  void compare(std::size_t input, std::span<const double> grad, GradcheckReport& report) {
    struct {
      std::size_t element = 0;
      double analytic = 0.0;
      double numeric = 0.0;
      double excess = -1.0;
    } worst;
    const auto elements = inputs_[input].data<double>();
    for (std::size_t i = 0; i < elements.size(); ++i) {
      const double difference = numeric(elements[i]);
      const double allowed = options_.absolute_tolerance + options_.relative_tolerance * std::abs(difference);
      const double ratio = std::abs(grad[i] - difference) / allowed;
      // What is not a number is as wrong as can be.
      const double excess = std::isnan(ratio) ? std::numeric_limits<double>::infinity() : ratio;
      if (excess > worst.excess) worst = {i, grad[i], difference, excess};
    }
    const bool ok = worst.excess <= 1.0;
    report.ok = report.ok && ok;
    report.text += fmt::format(
        "input {} {}: {}; worst element {}: analytic {:.9g}, numeric {:.9g}, {:.3g} times what is allowed "
        "(relative {:g}, absolute {:g}, step {:g})\n",
        input, to_string(inputs_[input].shape()), ok ? "agrees" : "WRONG", worst.element, worst.analytic,
        worst.numeric, worst.excess, options_.relative_tolerance, options_.absolute_tolerance, options_.step);
  }

  const GradcheckOptions& options_;
  std::vector<Tensor> inputs_;
  Tensor upstream_;
  Tape forward_tape_;
  Tape backward_tape_;
  std::unique_ptr<Plan> forward_;
  std::unique_ptr<Plan> backward_;
};

}  // namespace

GradcheckReport gradcheck(const std::function<Var(std::span<const Var>)>& function,
                          std::span<const Shape> shapes, const GradcheckOptions& options) {
  std::vector<Tensor> inputs;
  for (const auto& tensor : options.inputs) inputs.push_back(tensor.clone());
  for (std::size_t i = inputs.size(); i < shapes.size(); ++i) {
    inputs.push_back(random_normal(shapes[i], Rng{options.seed}.stream("input", i)));
  }
  return Check{function, std::move(inputs), options}.run();
}

GradcheckReport gradcheck(const std::function<Var(std::span<const Var>)>& function,
                          std::initializer_list<Shape> shapes, const GradcheckOptions& options) {
  return gradcheck(function, std::span{shapes.begin(), shapes.size()}, options);
}

}  // namespace keel
