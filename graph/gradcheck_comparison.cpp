#include "keel/graph/gradcheck_comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "keel/runtime/rng.hpp"

namespace keel {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// What is not a number is as wrong as can be; what the differences do not settle is not right.
double excess_of(const GradcheckElement& found, double allowed) {
  if (found.analytic == found.numeric && found.settled) return 0.0;  // also where nothing is allowed
  const double ratio = std::abs(found.analytic - found.numeric) / allowed;
  if (std::isnan(ratio)) return infinity;
  return found.settled ? ratio : std::max(ratio, std::nextafter(1.0, 2.0));
}

class InputComparison {
 public:
  InputComparison(const CheckedFunction& checked, WeightedValue& value, std::size_t input,
                  std::span<const double> grad, const GradcheckOptions& options)
      : elements_(checked.inputs[input].data<double>()),
        value_(value),
        grad_(grad),
        options_(options),
        rng_(Rng{options.seed}.stream("gradcheck", input)),
        found_{.input = input,
               .name = checked.name_of(input),
               .shape = checked.inputs[input].shape(),
               .reached = value.depends_on(input),
               .independent = true} {
    for (const double element : grad) {
      if (std::isfinite(element)) found_.largest = std::max(found_.largest, std::abs(element));
    }
  }

  GradcheckInput run() {
    if (elements_.size() <= options_.every_element_up_to) {
      for (std::size_t i = 0; i < elements_.size(); ++i) check_element(i);
    } else {
      check_a_sample();
    }
    if (found_.independent) require_zeros();
    found_.ok = found_.worst.excess <= 1.0;
    return std::move(found_);
  }

 private:
  void check_a_sample() {
    const auto not_finite = std::ranges::find_if_not(grad_, [](double x) { return std::isfinite(x); });
    if (not_finite != grad_.end()) {
      return check_element(static_cast<std::size_t>(not_finite - grad_.begin()));
    }
    for (std::size_t i = 0; i < options_.sample; ++i) check_element(rng_.below(elements_.size()));
    for (std::size_t i = 0; i < options_.directions; ++i) {
      const auto direction = random_direction();
      const auto along = compare(direction);
      note(along);
      ++found_.directions;
      if (along.excess > 1.0) return check_element(search(direction));
    }
  }

  void check_element(std::size_t element) {
    note(compare({.elements = {element}, .weights = {scale(element)}}));
    ++found_.elements;
  }

  [[nodiscard]] double scale(std::size_t element) const {
    return std::max(1.0, std::abs(elements_[element]));
  }

  [[nodiscard]] double allowed(std::size_t element) const {
    return least_allowed() + options_.relative_tolerance * std::abs(grad_[element]);
  }

  // A share of the gradient's own scale: what is off by a factor shows at every scale. Never 0.
  [[nodiscard]] double least_allowed() const {
    return std::max(options_.absolute_tolerance * found_.largest, std::numeric_limits<double>::min());
  }

  // Elements with a large gradient are allowed more and weigh less (but not so little that their steps are
  // lost in rounding), so that the tolerance of one does not cover a fault in another: what is off by n times
  // what its element is allowed shows when n is about the root of the number of elements. No weight is near
  // zero.
  Direction random_direction() {
    double strictest = infinity;
    for (std::size_t i = 0; i < elements_.size(); ++i) strictest = std::min(strictest, allowed(i));
    Direction direction;
    for (std::size_t i = 0; i < elements_.size(); ++i) {
      const double sign = rng_.bits() % 2 == 0 ? 1.0 : -1.0;
      const double share = std::max(strictest / allowed(i), 1.0 / 64.0);
      direction.elements.push_back(i);
      direction.weights.push_back(sign * rng_.uniform(0.5, 1.5) * share * scale(i));
    }
    return direction;
  }

  // The half of the direction that misses by more, down to one element.
  std::size_t search(const Direction& direction) {
    auto first = direction.elements.begin();
    auto last = direction.elements.end();
    while (last - first > 1) {
      const auto middle = first + (last - first) / 2;
      const auto half = [&](auto from, auto to) {
        const auto weights = direction.weights.begin();
        const auto start = direction.elements.begin();
        const auto found = compare({{from, to}, {weights + (from - start), weights + (to - start)}});
        const double miss = std::abs(found.analytic - found.numeric);
        return std::isnan(miss) ? infinity : miss;
      };
      (half(first, middle) >= half(middle, last) ? last : first) = middle;
    }
    return *first;
  }

  // One element's derivative is divided by its weight again. Along a direction the elements' errors add up
  // as independent ones do, to the root of the sum of their squares.
  GradcheckElement compare(const Direction& direction) {
    const bool single = direction.elements.size() == 1;
    const double unit = single ? direction.weights[0] : 1.0;
    double analytic = 0.0;
    double squares = 0.0;
    for (std::size_t i = 0; i < direction.elements.size(); ++i) {
      analytic += grad_[direction.elements[i]] * direction.weights[i] / unit;
      squares += std::pow(direction.weights[i] * allowed(direction.elements[i]), 2);
    }
    const auto tolerance = single ? DerivativeTolerance{options_.relative_tolerance, least_allowed() * unit}
                                  : DerivativeTolerance{0.0, std::sqrt(squares)};
    const auto line = [&](double step) { return value_.change(found_.input, direction, step); };
    auto numeric = numeric_derivative(line, options_.step, tolerance);
    found_.independent = found_.independent && numeric.constant;
    for (double* value : {&numeric.value, &numeric.left, &numeric.right, &numeric.low, &numeric.high}) {
      *value /= unit;
    }
    numeric.error /= std::abs(unit);
    auto result = judged(analytic, numeric, {tolerance.relative, tolerance.absolute / unit});
    result.element = single ? direction.elements[0] : GradcheckElement::direction;
    return result;
  }

  static GradcheckElement judged(double analytic, const NumericDerivative& numeric,
                                 const DerivativeTolerance& tolerance) {
    GradcheckElement result{.analytic = analytic, .numeric = numeric.value, .step = numeric.step};
    result.settled = numeric.kind != NumericDerivative::Kind::unsettled;
    result.kink = numeric.kind == NumericDerivative::Kind::kink;
    if (result.kink) {
      result.left = numeric.left;
      result.right = numeric.right;
      // Also for NaN, which the comparisons leave as it is; so is it nowhere between.
      result.numeric = std::min(std::max(analytic, numeric.low), numeric.high);
      if (std::isnan(analytic)) result.numeric = numeric.value;
    }
    result.unknown = numeric.error;
    result.excess = excess_of(result, tolerance.of(result.numeric) + numeric.error);
    return result;
  }

  void note(const GradcheckElement& found) {
    if (found.kink) found_.kinks.push_back(found);
    found_.unknown = std::max(found_.unknown, found.unknown);
    // A direction says less than an element, which is worse the more elements are added up.
    const bool says_more = found_.worst.element == GradcheckElement::direction && found.excess > 1.0 &&
                           found.element != GradcheckElement::direction;
    if (found.excess > found_.worst.excess || says_more) found_.worst = found;
  }

  // Without any influence on the function the gradient must be zero, but for what the function's rounding hides.
  void require_zeros() {
    const double unknown = found_.reached ? found_.unknown : 0.0;
    const auto other = std::ranges::find_if(grad_, [&](double x) { return !(std::abs(x) <= unknown); });
    if (other == grad_.end()) return;
    found_.worst.element = static_cast<std::size_t>(other - grad_.begin());
    found_.worst.analytic = *other;
    found_.worst.numeric = 0.0;
    found_.worst.excess = infinity;
  }

  std::span<double> elements_;
  WeightedValue& value_;
  std::span<const double> grad_;
  const GradcheckOptions& options_;
  Rng rng_;
  GradcheckInput found_;
};

}  // namespace

GradcheckInput compare_with_differences(const CheckedFunction& checked, WeightedValue& value,
                                        std::size_t input, std::span<const double> grad,
                                        const GradcheckOptions& options) {
  return InputComparison{checked, value, input, grad, options}.run();
}

}  // namespace keel
