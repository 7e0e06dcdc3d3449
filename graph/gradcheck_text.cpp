#include "keel/graph/gradcheck_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>

#include "keel/runtime/error.hpp"

namespace keel {
namespace {

std::string place(const GradcheckElement& found) {
  return found.element == GradcheckElement::direction ? "along a random direction"
                                                      : fmt::format("element {}", found.element);
}

std::string comparison(const GradcheckElement& worst, const GradcheckOptions& options) {
  return fmt::format(
      "worst {}: analytic {:.9g}, numeric {:.9g}, {:.3g} times what is allowed (relative {:g}, {:g} of the "
      "largest, step {:g})",
      place(worst), worst.analytic, worst.numeric, worst.excess, options.relative_tolerance,
      options.absolute_tolerance, worst.step == 0.0 ? options.step : worst.step);
}

std::string_view by_operators(const GradcheckInput& input) {
  return input.hidden() ? ", so that its operators were checked by themselves" : "";
}

std::string remarks(const GradcheckInput& input) {
  std::string text{input.worst.settled ? "" : "; the differences there approach no value"};
  if (input.beside_kinks) text += "; found with the inputs moved off their kinks";
  if (input.independent && !input.ok) {
    text += "; no step changes the function, and the gradient must be exactly zero";
  }
  if (input.unknown > 0.0) {
    text += fmt::format("; rounding of the function hides what is smaller than {:.2g}{}", input.unknown,
                        by_operators(input));
  }
  const auto all = static_cast<std::size_t>(input.shape.elements());
  if (input.elements < all) {
    text += fmt::format("; checked along {} random directions and at {} of {} elements", input.directions,
                        input.elements, all);
  }
  return text;
}

std::string line(const GradcheckInput& input, const GradcheckOptions& options) {
  const auto start = fmt::format("{} {}: ", input.name, to_string(input.shape));
  if (!input.reached && input.ok)
    return start +
           "nothing depends on it: no operator leads from it to the result, and the gradient is zero\n";
  if (input.independent && input.ok && input.largest == 0.0) {
    return start + fmt::format(
                       "no step changes the function by more than its rounding, which hides what is "
                       "smaller than {:.2g}; the gradient is exactly zero{}\n",
                       input.unknown, by_operators(input));
  }
  if (input.independent && input.ok) {
    return start + fmt::format(
                       "no step changes the function by more than its rounding, which hides what is "
                       "smaller than {:.2g}; the gradient is {:.2g} at the most{}\n",
                       input.unknown, input.largest, by_operators(input));
  }
  return start + fmt::format("{}; {}{}\n", input.ok ? "agrees" : "WRONG", comparison(input.worst, options),
                             remarks(input));
}

std::string kinks(const GradcheckInput& input) {
  constexpr std::size_t shown = 3;
  std::string text;
  for (const auto& kink : std::span{input.kinks}.first(std::min(shown, input.kinks.size()))) {
    text += fmt::format("  kink {}{}: from the left {:.9g}, from the right {:.9g}, analytic {:.9g}\n",
                        kink.element == GradcheckElement::direction ? "" : "at ", place(kink), kink.left,
                        kink.right, kink.analytic);
  }
  if (input.kinks.size() > shown) text += fmt::format("  and {} more kinks\n", input.kinks.size() - shown);
  return text;
}

}  // namespace

std::string describe(const GradcheckInput& input, const GradcheckOptions& options) {
  return line(input, options) + kinks(input);
}

std::string describe(const GradcheckF32Report& f32) {
  std::string text;
  for (const auto& fault : f32.faults) text += fmt::format("f32 WRONG: {}\n", fault);
  for (const auto& reason : f32.unchecked) text += fmt::format("f32 not checked: {}\n", reason);
  if (f32.operators > 0) {
    text += fmt::format("f32: {} operator{} agree{} with f64 but for rounding\n", f32.operators,
                        f32.operators == 1 ? "" : "s", f32.operators == 1 ? "s" : "");
  }
  return text;
}

std::string describe(const GradcheckFault& fault, const GradcheckOptions& options) {
  auto text = fmt::format("at fault: {} at {}\n", fault.op, describe(fault.where));
  for (const auto& input : fault.inputs) text += "  " + line(input, options);
  for (const auto& inconsistency : fault.inconsistencies) text += "  " + inconsistency + "\n";
  return text;
}

}  // namespace keel
