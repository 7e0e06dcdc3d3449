#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "keel/graph/fusion.hpp"
#include "keel/graph/tape.hpp"
#include "keel/runtime/tensor.hpp"

namespace keel {

/// How strictly, and where, a gradient is checked.
struct GradcheckOptions {
  double step = 1e-5;                ///< of the differences that are tried first, times max(1, |x|)
  double relative_tolerance = 1e-6;  ///< of the numeric value
  double absolute_tolerance = 1e-7;
  std::uint64_t seed = 1;  ///< of the inputs that are not given, and of all other random numbers
  Mode mode = Mode::training;
  std::vector<Tensor> inputs;  ///< f64 (or s32 labels); empty for normal random numbers of the shapes given
  std::vector<std::size_t> frozen;         ///< inputs that are not differentiated; s32 ones never are
  std::size_t every_element_up_to = 1000;  ///< larger inputs are checked along directions and at a sample
  std::size_t directions = 4;              ///< random ones, of a large input
  std::size_t sample = 20;                 ///< random elements of a large input
  std::span<const FusionRule> rules;  ///< where given, fused kernels must give the gradients of unfused ones
};

/// One element's derivative, as the operators give it and as differences do.
struct GradcheckElement {
  /// Stands for a random direction through all elements.
  static constexpr std::size_t direction = static_cast<std::size_t>(-1);

  std::size_t element = 0;
  double analytic = 0.0;
  double numeric = 0.0;  ///< at a kink the nearest value that would be right
  double excess = -1.0;  ///< their difference in multiples of what is allowed
  double step = 0.0;     ///< of the differences, times max(1, |x|)
  bool settled = true;   ///< false where the differences approach no value
  bool kink = false;     ///< the derivatives from the left and from the right differ
  double left = 0.0;     ///< at a kink
  double right = 0.0;
};

/// What was found for one input.
struct GradcheckInput {
  std::size_t input = 0;
  Shape shape;
  bool ok = false;
  GradcheckElement worst;
  std::vector<GradcheckElement> kinks;
  std::size_t elements = 0;    ///< that were checked one by one
  std::size_t directions = 0;  ///< that were checked besides
  bool independent = false;    ///< no step in it changes the function
  bool beside_kinks = false;   ///< `worst` was found after the inputs were moved off the kinks
};

/// An operator whose derivative is wrong by itself, on the values that it had in the function.
struct GradcheckFault {
  std::string op;
  SourceLocation where;
  std::vector<GradcheckInput> inputs;        ///< those of the operator that are wrong
  std::vector<std::string> inconsistencies;  ///< as in the report
};

/// What a gradient check found.
struct GradcheckReport {
  bool ok = false;
  std::string
      text;  ///< one line an input: the worst element, both values, their difference, what was allowed
  std::vector<GradcheckInput> inputs;
  std::vector<std::string> inconsistencies;  ///< runs that should have agreed and did not
  std::vector<GradcheckFault> faults;
};

/// Checks the reverse-mode derivative of `function` in double precision, under a random upstream gradient (a
/// constant one cancels in normalizations). It is right when
///
/// - every element of every input agrees with differences of the function, at steps that agree among
///   themselves (`numeric_derivative`). Inputs of more than `every_element_up_to` elements are checked along
///   random directions, each of which moves every element, and at a random sample of elements;
/// - at a kink, such as ReLU's at 0 or a maximum's where two are equal, it lies between the one-sided
///   derivatives. The text says so, and the check is repeated beside the kinks, which hide no fault there;
/// - it is exactly zero for an input without influence;
/// - it is the same, bit for bit, in a second run, in memory full of NaN, and with every value in memory of
///   its own; it is the sum of two gradients for two upstream gradients at once; and the same by fused
///   kernels but for rounding.
///
/// Where it is wrong, each operator of the function is checked by itself, and those at fault are named.
/// Stored values that the function writes into are put back before every evaluation and at the end. Throws
/// what recording and running `function` throw.
GradcheckReport gradcheck(const std::function<Var(std::span<const Var>)>& function,
                          std::span<const Shape> shapes, const GradcheckOptions& options = {});
GradcheckReport gradcheck(const std::function<Var(std::span<const Var>)>& function,
                          std::initializer_list<Shape> shapes, const GradcheckOptions& options = {});

}  // namespace keel
