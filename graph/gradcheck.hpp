#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/runtime/tensor.hpp"

namespace keel {

/// How strictly, and where, a gradient is checked.
struct GradcheckOptions {
  double step = 1e-5;                ///< of the central difference, times max(1, |x|)
  double relative_tolerance = 1e-6;  ///< of the numeric value
  double absolute_tolerance = 1e-7;
  std::uint64_t seed = 1;  ///< of the inputs that are not given, and of the upstream gradient
  Mode mode = Mode::training;
  std::vector<Tensor> inputs;  ///< f64 (or s32 labels); empty for normal random numbers of the shapes given
  std::vector<std::size_t> frozen;  ///< inputs that are not differentiated; s32 ones never are
};

/// What a gradient check found.
struct GradcheckReport {
  bool ok = false;
  std::string
      text;  ///< one line an input: the worst element, both values, their difference, what was allowed
};

/// Checks the reverse-mode derivative of `function` in double precision: for every element of every input,
/// the analytic gradient against a central difference, under a random upstream gradient (a constant one
/// cancels in normalizations), and a second backward run against the first, bit for bit. Throws what
/// recording `function` throws.
GradcheckReport gradcheck(const std::function<Var(std::span<const Var>)>& function,
                          std::span<const Shape> shapes, const GradcheckOptions& options = {});
GradcheckReport gradcheck(const std::function<Var(std::span<const Var>)>& function,
                          std::initializer_list<Shape> shapes, const GradcheckOptions& options = {});

}  // namespace keel
